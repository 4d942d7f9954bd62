"""Checks JSON schemas and narrows them to what a grammar can hold; in the model's process."""
