"""Turns messages into safe HTML, finished or still being written; in the web process."""
