"""What views share: async views, bodies, event streams, OpenAPI, who asks; in the web process."""
