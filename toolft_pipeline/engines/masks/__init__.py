"""Token masks of grammars, by llguidance."""
