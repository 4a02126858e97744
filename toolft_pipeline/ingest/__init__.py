"""Logs to trajectories: every line becomes a run or a rejection with its reason."""
