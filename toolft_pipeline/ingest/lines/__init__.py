"""Readers of the formats with one run a line."""
