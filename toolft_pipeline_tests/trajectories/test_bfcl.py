"""Real runs that are not ours: the multi-turn sets of the Berkeley Function Calling Leaderboard, executed."""

from __future__ import annotations
