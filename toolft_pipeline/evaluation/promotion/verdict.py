"""What the gate is given and what it decides."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from msgspec import Struct

from toolft_pipeline.evaluation.promotion.nights import NightEvidence
from toolft_pipeline.evaluation.promotion.paired import Basis, PairedComparison
from toolft_pipeline.evaluation.scoring.intervals import Rate
from toolft_pipeline.evaluation.scoring.metrics import ModelMetrics

VERDICT_FILE = "verdict.json"
"""Where an evaluation report keeps the decision."""


class GateVerdict(Struct, frozen=True, kw_only=True):
    """The gate's decision on a candidate.

    `reasons` are the objections, or the grounds for a promotion; `notes` say what could not be looked at. `n_tasks` and
    `smallest_visible_difference` refer to the tasks that both models ran or, with no model in service, to the
    candidate's. `p_value` is one-sided: that the candidate is better. `against` is the content digest of the model in
    service that it was compared with. `shown_better` is whether it was shown to be better, and not only to be no worse
    than `margin` allows. `judged` is the key in the report of the figures that the thresholds were held against, where
    it is served behind a net; None where they are the candidate's own. `nights` is the evidence over nights, tonight's
    last; the next nights read it.
    """

    promote: bool
    reasons: tuple[str, ...]
    judged: str | None = None
    n_tasks: int
    smallest_visible_difference: float
    margin: float = 0.0
    difference: Rate | None = None
    wins: int = 0
    losses: int = 0
    p_value: float | None = None
    against: str | None = None
    shadow: PairedComparison | None = None
    basis: Basis = Basis.ROLLOUTS
    shown_better: bool = False
    evidence: float = 0.0
    evidence_needed: float = 0.0
    nights: tuple[NightEvidence, ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class ServedFigures:
    """The candidate's figures behind the net that it will be served behind; `name` is their key in the report."""

    name: str
    metrics: ModelMetrics


@dataclass(frozen=True, kw_only=True)
class CandidateStatus:
    """Everything the gate needs about the candidate besides its metrics.

    `proofs` are the checks of what it was made from, by name; `lineage_gaps` are inputs that do not resolve;
    `withdrawn` is when a rollback took this model out of service; `objections` were found outside the metrics.
    `content_digest` and `recipe` name the model and what it is trained with; `trained_on` has the ids of the shadow's
    runs that it was trained on. `served` are the figures that its thresholds are held against, where it is served
    behind a net; comparisons with other models are without it.
    """

    as_of: str
    proofs: Mapping[str, bool]
    lineage_gaps: Sequence[str] = ()
    withdrawn: str | None = None
    objections: Sequence[str] = ()
    content_digest: str = ""
    recipe: str = ""
    trained_on: frozenset[str] = frozenset()
    served: ServedFigures | None = None


@dataclass(frozen=True, kw_only=True)
class ChampionResult:
    """A model in service: its as-of day, its content digest, its metrics on the tasks and on the shadow's runs.

    `best` is the best champion of the window, if that is another model: the last one that was shown to be better than
    its predecessor. It differs from the model in service only with a margin.
    """

    day: str
    content_digest: str
    metrics: ModelMetrics
    shadow: ModelMetrics | None = None
    best: ChampionResult | None = None


@dataclass(frozen=True, kw_only=True)
class PastNights:
    """The evidence of earlier nights as their verdicts hold it, and the content digests of withdrawn models."""

    nights: Sequence[NightEvidence] = ()
    withdrawn: Sequence[str] = ()
