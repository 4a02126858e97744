"""The single-turn sets of the Berkeley Function Calling Leaderboard, asked and judged by its rules."""
