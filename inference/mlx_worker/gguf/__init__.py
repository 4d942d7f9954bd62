"""Reads GGUF files as MLX models; in the model's process."""
