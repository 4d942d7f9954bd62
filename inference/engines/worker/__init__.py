"""The parent's half of a model in a process of its own; in the web process."""
