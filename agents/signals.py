"""What the apps above may listen to."""

from django.dispatch import Signal

# kwargs: run. Sent once for each end of a run, inside the transaction that ends it, when output,
# thinking, usage, finish_reason and error are filled: what a receiver writes is there exactly when
# the run has ended. Slow work belongs into transaction.on_commit.
run_finished = Signal()
