"""What will be built and why: the plan, the impact of a catalog change, the retrain policy."""
