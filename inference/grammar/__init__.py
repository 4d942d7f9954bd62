"""Grammars for what a model must write exactly; in the model's process."""
