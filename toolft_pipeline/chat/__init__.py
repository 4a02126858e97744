"""A conversation as text, as tokens with a loss mask, and back: what is trained is what will be served."""
