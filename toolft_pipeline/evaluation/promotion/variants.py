"""Whether the candidate may be served behind a safety net: the gate of a model variant.

Invariant: a variant is judged by its own figures, against the candidate without the net on the same tasks. A net can
turn an error that everybody sees into a wrong action that looks right: one that loses more tasks than it wins is
refused, whatever it does for the parse rate.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import msgspec
from msgspec import Struct

from toolft_pipeline.evaluation.promotion.paired import basis_of, differences_of, scores_of
from toolft_pipeline.evaluation.promotion.thresholds import beyond_thresholds, few_tasks
from toolft_pipeline.evaluation.scoring.metrics import ModelMetrics
from toolft_pipeline.settings import GateSettings

VARIANTS_FILE = "variants.json"
"""Where an evaluation report keeps the decisions on variants; a report without variants has no such file."""


class VariantVerdict(Struct, frozen=True, kw_only=True):
    """The decision on one variant of a model, named by its content digest. `reasons` are all objections.

    `wins` and `losses` are tasks that end better and worse than without the net.
    """

    variant: str
    model: str
    passed: bool
    reasons: tuple[str, ...]
    wins: int
    losses: int
    identity: dict[str, str] = {}
    """What the net was when it was judged (`variant_identity`)."""

    @property
    def is_worse(self) -> bool:
        """Whether more tasks end worse behind the net than better."""
        return self.losses > self.wins

    @property
    def text(self) -> str:
        """The decision in one line."""
        paired = f"{self.wins} tasks end better and {self.losses} worse than without it"
        return f"passed ({paired})" if self.passed else f"refused: {'; '.join(self.reasons)}"


def judge_variant(
    variant: str,
    *,
    model: str,
    behind: ModelMetrics,
    plain: ModelMetrics,
    gate: GateSettings,
    identity: Mapping[str, str],
) -> VariantVerdict:
    """Judge the model's figures `behind` the net against those without it."""
    basis = basis_of(behind)
    differences = differences_of(scores_of(behind, basis), scores_of(plain, basis))
    wins, losses = sum(each > 0 for each in differences), sum(each < 0 for each in differences)
    objections = (
        *few_tasks(behind, basis=basis, gate=gate),
        *beyond_thresholds(behind, basis=basis, gate=gate),
        *_worse(wins, losses),
    )
    return VariantVerdict(
        variant=variant,
        model=model,
        passed=not objections,
        reasons=objections,
        wins=wins,
        losses=losses,
        identity=dict(identity),
    )


def write_variants(judged: Sequence[VariantVerdict], folder: Path) -> None:
    """Write the decisions; no file without any."""
    if judged:
        (folder / VARIANTS_FILE).write_bytes(msgspec.json.format(msgspec.json.encode(judged), indent=1))


def read_variants(folder: Path) -> list[VariantVerdict]:
    """The decisions of a report; empty without any. Raises `msgspec.MsgspecError` for a file that is no such list."""
    file = folder / VARIANTS_FILE
    return msgspec.json.decode(file.read_bytes(), type=list[VariantVerdict]) if file.is_file() else []


def _worse(wins: int, losses: int) -> Iterator[str]:
    if losses > wins:
        yield f"behind the net {losses} tasks end worse and {wins} better than without it"
