"""A model judged: steps, rollouts, the judge's conjunction, intervals, the gate, the report."""
