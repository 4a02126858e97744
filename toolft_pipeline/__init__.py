"""Fine-tune a small open model on a tool-calling agent's own verified runs, every night, as a Dagster project."""
