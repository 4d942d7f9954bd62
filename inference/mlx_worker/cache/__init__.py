"""The prompt cache, in memory and on disk; in the model's process."""
