"""Which rows are trained on, and how they are packed."""
