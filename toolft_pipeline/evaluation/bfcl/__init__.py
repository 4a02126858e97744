"""The single-turn sets of the Berkeley Function Calling Leaderboard, scored by its rules."""
