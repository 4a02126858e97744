"""Rows of the base model's own answers, which keep a tuned model from forgetting what its base can do."""
