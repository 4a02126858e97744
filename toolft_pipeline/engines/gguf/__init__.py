"""Model folders and adapters as GGUF files, which llama.cpp and its relatives load."""
