"""The agents' pages and the frames of a trace; in the web process."""
