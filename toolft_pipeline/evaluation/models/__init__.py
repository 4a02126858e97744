"""Where answers come from: local decoding, an endpoint, prompts, and how text is parsed into calls."""
