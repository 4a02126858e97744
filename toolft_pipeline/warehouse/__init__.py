"""Versions on disk: immutable folders, one commit record each, and a numbered pointer to the one in force."""
