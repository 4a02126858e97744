"""Which runs are true: one rule a module, each a pure function from a run to the fault that it found."""
