"""Grammars for tool calls, in each model family's own format; in the model's process."""
