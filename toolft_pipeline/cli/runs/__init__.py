"""Runs started from the terminal: launched, followed, interrupted."""
