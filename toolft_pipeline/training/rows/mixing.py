"""Mix rows of the base model's own answers into the agent's rows, each kind up to its share of the trained tokens.

Invariant: which rows are mixed in is a function of the set of rows, the shares and the seed. They are no runs of the
agent: dedup, split and contamination never see them, and validation has none.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from toolft_pipeline.settings import TrainingSettings

if TYPE_CHECKING:
    from toolft_pipeline.training.rows.sampling import Row

REPLAY_ROWS = "replay_rows"
"""The asset of these rows; it stands where a row of the agent has its day."""

REPLAY, DECLINE = "replay", "decline"
"""Their categories."""

MOST_REPEATS = 4
"""How often a row is seen in an epoch at most: a share that needs more is not reached, and the log says so."""


@dataclass(frozen=True, kw_only=True)
class Mixture:
    """The share of the trained tokens that each category of these rows is to have, and the seed that chooses rows."""

    shares: Mapping[str, float] = field(default_factory=dict)
    seed: int = 0

    @property
    def of_agent(self) -> float:
        """The share that is left for the agent's own rows."""
        return 1 - sum(self.shares.values())


NO_MIXTURE = Mixture()


@dataclass(frozen=True, kw_only=True)
class Mixed:
    """What became of one share: distinct rows, tokens with repeats, the most repeats of a row."""

    category: str
    wanted: float
    share: float
    rows: int
    tokens: int
    repeats: int

    @property
    def line(self) -> str:
        """The figures in one line."""
        times = f", each up to {self.repeats} times" if self.repeats > 1 else ""
        less = "" if self.share > 0.9 * self.wanted else f"; {self.wanted:.1%} is asked for: add questions"
        return f"{self.share:.1%} of the tokens are {self.category} rows: {self.rows} rows{times}{less}"


def mixture_of(training: TrainingSettings) -> Mixture:
    """The shares that the settings ask for."""
    shares = {REPLAY: training.replay_share, DECLINE: training.decline_share}
    return Mixture(shares={name: share for name, share in shares.items() if share}, seed=training.seed)


def mix_rows(
    agent: Iterable[Row], others: Iterable[Row], mixture: Mixture
) -> tuple[tuple[Row, ...], tuple[Mixed, ...]]:
    """All rows in training order, and what became of each share."""
    own, others = tuple(agent), tuple(others)
    tokens = sum(row.tokens * row.weight for row in own)
    kept: dict[str, list[Row]] = {
        category: _up_to(
            [row for row in others if row.category == category],
            tokens=tokens * share / mixture.of_agent,
            seed=mixture.seed,
        )
        for category, share in mixture.shares.items()
    }
    rows = (*own, *(row for chosen in kept.values() for row in chosen))
    total = max(1, sum(row.tokens * row.weight for row in rows))
    return tuple(sorted(rows, key=lambda row: row.rank)), tuple(
        Mixed(
            category=category,
            wanted=mixture.shares[category],
            share=(taken := sum(row.tokens * row.weight for row in chosen)) / total,
            rows=len(chosen),
            tokens=taken,
            repeats=max((row.weight for row in chosen), default=0),
        )
        for category, chosen in kept.items()
    )


def _up_to(rows: list[Row], *, tokens: float, seed: int) -> list[Row]:
    """Rows of together at most so many tokens, in the order of a hash with the seed, again and again."""
    ordered = sorted(rows, key=lambda row: hashlib.sha256(f"{seed}:{row.row_id}".encode()).digest())
    weights: dict[str, int] = {}
    left = tokens
    for row in [row for _ in range(MOST_REPEATS) for row in ordered]:
        if row.tokens > left:
            break
        left -= row.tokens
        weights[row.row_id] = weights.get(row.row_id, 0) + 1
    return [replace(row, weight=weights[row.row_id]) for row in ordered if row.row_id in weights]
