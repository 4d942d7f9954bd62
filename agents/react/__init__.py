"""Agents: reason, act and observe until a goal is reached; in the web process."""
