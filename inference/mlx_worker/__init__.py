"""One model on MLX: loads, batches, generates; the model's process itself."""
