"""Runs: a model and tools working until an answer stands; in the web process."""
