"""Decide which model serves: the gate, the registry of served models, rollback, the shadow comparison."""
