"""Checks of an agent file when it is read: all errors at once, before anything starts."""
