"""Turns LaTeX as models write it into MathML that browsers lay out; in the web process."""
