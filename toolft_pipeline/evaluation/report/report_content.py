"""Everything that one evaluation report shows, gathered before anything is written."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pyarrow.parquet as pq

from toolft_pipeline.evaluation.bfcl.asking import SetRate
from toolft_pipeline.evaluation.judge.task import Task
from toolft_pipeline.evaluation.promotion.gate import GateVerdict
from toolft_pipeline.evaluation.promotion.kept_abilities import AbilityComparison
from toolft_pipeline.evaluation.report.logged_model import LoggedMetrics
from toolft_pipeline.evaluation.report.prices import ModelPrice, with_cost
from toolft_pipeline.evaluation.report.training_example import TrainingExample
from toolft_pipeline.evaluation.report.trend import TrendPoint
from toolft_pipeline.evaluation.scoring.evaluate import read_metrics
from toolft_pipeline.evaluation.scoring.metrics import ModelMetrics
from toolft_pipeline.evaluation.scoring.tables import (
    ProbeRow,
    RolloutRow,
    StepRow,
    read_probes,
    read_rollouts,
    read_steps,
)
from toolft_pipeline.evaluation.tasks.task_leaks import NearestRun
from toolft_pipeline.settings import GateSettings

CANDIDATE = "candidate"
"""Key of the model to be promoted in metrics.json."""

IN_SERVICE = "in_service"
BEST_CHAMPION = "best_champion"
"""Key of the model in service in metrics.json."""


@dataclass(frozen=True, kw_only=True)
class EvaluatedModel:
    """One model's evaluation, read from its folder."""

    name: str
    metrics: ModelMetrics
    steps: Sequence[StepRow]
    rollouts: Sequence[RolloutRow]
    probes: Sequence[ProbeRow] = ()


@dataclass(frozen=True, kw_only=True)
class ReportContent:
    """The content of one report.

    `models` are in the order to show; `logged` is what the logs say of the incumbent; `bfcl` has rates on BFCL's
    questions by model and set; `training_examples` are rows that the candidate was trained on; `loss` are
    (step, loss) points of the training; `past` are the candidates of earlier reports, for the trend. `gate` has the
    thresholds, `abilities` what the candidate kept of its base's. `changes` say what is different from the report of
    `last_day`, one sentence each, and are empty where nothing is; `last_day` is None in a first report. `impossible`
    has the tasks that count for no model, each with its reason; `nearest` the training run nearest to each task;
    `tools_with_few_tasks` how many tasks call each tool that has fewer than three. `hosted` is where the candidate is,
    if not here.
    """

    agent: str
    day: str
    models: Sequence[EvaluatedModel]
    tasks: Sequence[Task]
    verdict: GateVerdict | None
    proofs: Mapping[str, bool]
    logged: LoggedMetrics | None = None
    bfcl: Mapping[str, Mapping[str, SetRate]] = field(default_factory=dict)
    training_examples: Sequence[TrainingExample] = ()
    loss: Sequence[tuple[float, float]] = ()
    past: Sequence[TrendPoint] = ()
    gate: GateSettings | None = None
    abilities: Sequence[AbilityComparison] = ()
    last_day: str | None = None
    changes: Sequence[str] = ()
    impossible: Sequence[str] = ()
    hosted: str | None = None
    nearest: Sequence[NearestRun] = ()
    tools_with_few_tasks: Mapping[str, int] = field(default_factory=dict)

    @property
    def metrics(self) -> dict[str, ModelMetrics]:
        """The metrics of each evaluated model, by its name."""
        return {model.name: model.metrics for model in self.models}

    @property
    def catalog_tokens_saved_per_turn(self) -> int:
        """What the candidate's prompt is shorter by; 0 without a candidate."""
        return next((each.metrics.catalog_tokens_saved_per_turn for each in self.models if each.name == CANDIDATE), 0)


def read_evaluation(
    name: str, folder: Path, *, price: ModelPrice | None = None, fallback: ModelPrice | None = None
) -> EvaluatedModel:
    """Read a model's evaluation folder and apply its prices."""
    return EvaluatedModel(
        name=name,
        metrics=with_cost(read_metrics(folder), price or ModelPrice(), fallback=fallback),
        steps=read_steps(folder),
        rollouts=read_rollouts(folder),
        probes=read_probes(folder),
    )


def read_loss(progress: Path) -> list[tuple[float, float]]:
    """(step, loss) of the training's progress.parquet, without steps that logged no loss."""
    table = pq.read_table(progress, columns=["step", "loss"]).to_pandas().dropna()
    return list(table.itertuples(index=False, name=None))
