"""Safety nets, each off by default and a model variant of its own: fallback to the incumbent, constrained decoding."""
