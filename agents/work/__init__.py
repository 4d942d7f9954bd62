"""Runs the runs: threads, leases, recovery and outcomes; in the web process."""
