"""Evaluation tasks before they count: whether they can be done, what they cost, and tasks made from verified runs."""
