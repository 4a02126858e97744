"""A conversation to text and tokens, and generated text back to calls."""
