"""Runs for people and programs: pages, API and WebSocket; in the web process."""
