"""The chat API, one file a wire: native, OpenAI's, WebSocket; in the web process."""
