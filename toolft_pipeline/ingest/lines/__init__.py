"""Readers of formats with one run a line."""
