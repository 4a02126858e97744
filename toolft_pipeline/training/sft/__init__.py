"""The supervised training run itself, through TRL."""
