"""Tools: what they are, who may call them, and how a call is made; in the web process."""
