"""Questions whose answers tests rely on, whatever the processor computes."""

# Answered at length: a request that asks it is still running when a test cancels, kills or counts.
# (Numbers to count, or a list, end after a line on some processors.)
LONG = "Write a long story about a fox."
