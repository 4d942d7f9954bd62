"""Where models lie on this machine already, one file a place; in the web process."""
