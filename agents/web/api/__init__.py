"""The API of runs and agents; in the web process."""
