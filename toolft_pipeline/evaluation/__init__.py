"""Evaluate models: steps, rollouts and their judge, metrics with intervals, the gate, the report."""
