"""Which runs teach: near-duplicates, sides, contamination; the result is a selection, not a copy."""
