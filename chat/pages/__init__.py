"""The chat's pages and forms; in the web process."""
