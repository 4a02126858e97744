"""The supervised fine-tuning run, with TRL."""
