"""Starts, feeds, watches and kills confined child processes; in the web process."""
