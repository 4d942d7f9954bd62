"""The loaded models: registry, slots and running generations; in the web process."""
