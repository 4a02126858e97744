"""Readers of traces: spans joined into runs."""
