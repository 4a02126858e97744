"""Tests of the agent as rollout client."""
