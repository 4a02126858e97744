"""The command line: the same jobs on the same instance as the UI."""
