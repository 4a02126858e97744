"""Families that stand in evaluation tasks alone."""
