"""Tools for people and programs: pages and API; in the web process."""
