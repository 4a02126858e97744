"""The evaluation report: its numbers by slice, its page, and what it says of training examples."""
