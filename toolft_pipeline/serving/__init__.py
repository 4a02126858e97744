"""Serving: the model in service behind OpenAI chat completions, and what watches it."""
