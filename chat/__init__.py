"""Conversations: messages, their pages, and the chat API; in the web process."""
