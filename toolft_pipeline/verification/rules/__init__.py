"""The rules that a run must pass, one module each, and their verdict."""
