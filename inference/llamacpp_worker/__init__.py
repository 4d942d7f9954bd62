"""One model on llama.cpp: its own server, asked over a socket; the model's process itself."""
