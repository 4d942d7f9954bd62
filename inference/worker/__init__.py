"""Takes commands and gives deltas, whatever computes; in the model's process."""
