"""Choose the runs to train on: dedup, contamination, split, caps and oversampling, recorded as a selection of ids."""
