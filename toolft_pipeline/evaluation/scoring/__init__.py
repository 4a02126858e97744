"""Answers judged: steps, rollouts, the judge, metrics with their intervals."""
