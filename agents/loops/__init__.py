"""Loops of runs, and what a loop may know; on runner threads of the web process."""
