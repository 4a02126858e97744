"""Whether somebody's own agent or proxy sends the prompts of training."""
