"""Language models: what there is, what is loaded, and how it is asked; in the web process."""
