"""What the server rests on: connections with limits, and the data folder; in the web process."""
