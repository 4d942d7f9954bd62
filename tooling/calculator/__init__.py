"""The calculator's grammar and algebra; in confined child processes."""
