"""Asks an OpenAI-compatible server; in the web process."""
