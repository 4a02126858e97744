"""What the declaration of a metric says: name, label, meaning, unit, computation, and where it is shown.

Invariant: a metric is a pure function of `Evidence`, so its figure for a slice is the same function of less evidence.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any

import msgspec

from toolft_pipeline.evaluation.judge.rollout_verdict import RolloutVerdict
from toolft_pipeline.evaluation.judge.task import Task
from toolft_pipeline.evaluation.judge.transcript import Transcript
from toolft_pipeline.evaluation.models.generation import Generation
from toolft_pipeline.evaluation.scoring.answer_reader import AnswerReading
from toolft_pipeline.evaluation.scoring.intervals import Rate, clustered_wilson, wilson
from toolft_pipeline.evaluation.scoring.probes import ProbeOutcome
from toolft_pipeline.evaluation.scoring.repeats import Repeat
from toolft_pipeline.evaluation.scoring.steps import StepOutcome

METRIC = "metric"
"""Key of the `Metric` in a dataclass field's metadata."""

MS_PER_HOUR = 3_600_000


class Unit(StrEnum):
    """What a metric is measured in; it decides the number format."""

    SHARE = "share"
    """A `Rate`: a share from 0 to 1 with its 95 % interval."""
    COUNT = "count"
    MILLISECONDS = "ms"
    TOKENS = "tokens"
    MONEY = "money"
    """In the currency of the prices in the agent file; 0 means that no price is set."""


class Place(StrEnum):
    """Where a metric is shown. metrics.json holds every metric."""

    TABLE = "table"
    """The table of models: report page, terminal, Dagster."""
    PAGE = "page"
    """The table of models on the report page only."""
    TILE = "tile"
    """The figures at the top of the report page."""
    SLICE = "slice"
    """The figures by category, tool and turn: metrics.json, slices.parquet, Dagster."""
    TREND = "trend"
    """The line over past reports on the report page."""
    PLOT = "plot"
    """The numbers of the candidate that Dagster plots over the days."""


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """Everything observed of one model, or the part of it that belongs to one slice."""

    steps: Sequence[StepOutcome]
    rollouts: Sequence[tuple[Transcript, RolloutVerdict]]
    probes: Sequence[ProbeOutcome] = ()
    readings: Sequence[AnswerReading] = ()
    machine_hour_price: float = 0.0
    single_ms: Sequence[float] = ()
    """Milliseconds of requests that were answered alone."""
    repeats: Sequence[Repeat] = ()
    tasks: Mapping[str, Task] = field(default_factory=dict)
    """The tasks that the evidence is about, by id."""

    def of_tasks(self, wanted: Callable[[Task], bool]) -> Evidence:
        """The evidence of some of the tasks; what is not about a task stays."""
        names = {name for name, task in self.tasks.items() if wanted(task)}
        return replace(
            self,
            steps=[step for step in self.steps if step.step.task_id in names],
            rollouts=[each for each in self.rollouts if each[0].task_id in names],
            readings=[each for each in self.readings if each.task_id in names],
            repeats=[each for each in self.repeats if each.transcript.task_id in names],
            tasks={name: self.tasks[name] for name in names},
        )

    @property
    def outcomes(self) -> list[tuple[str, bool]]:
        """Each rollout's task, and whether it passed."""
        return [(transcript.task_id, verdict.passed) for transcript, verdict in self.rollouts]

    @property
    def step_ms(self) -> list[float]:
        """Milliseconds of each step, in its batch."""
        return [step.generation.latency_ms for step in self.steps]

    @property
    def n_steps(self) -> int:
        """Number of steps."""
        return len(self.steps)

    @property
    def n_call_steps(self) -> int:
        """Number of steps whose expected answer makes calls."""
        return sum(step.exact_match is not None for step in self.steps)

    @property
    def n_answer_steps(self) -> int:
        """Number of steps whose expected answer makes no call."""
        return self.n_steps - self.n_call_steps

    @property
    def n_tasks(self) -> int:
        """Number of rollouts."""
        return len(self.rollouts)

    @property
    def n_probes(self) -> int:
        """Number of questions on general ability."""
        return len(self.probes)

    @property
    def n_readings(self) -> int:
        """Number of answers of which a second reader has an opinion."""
        return sum(each.reader_says_right is not None for each in self.readings)

    def per_task(self, figure: Callable[[Generation], float]) -> float:
        """Sum of a figure over all turns of the rollouts, divided by the rollouts; 0 without rollouts."""
        total = sum(figure(turn.generation) for transcript, _ in self.rollouts for turn in transcript.turns)
        return total / len(self.rollouts) if self.rollouts else 0.0


Figure = Rate | float | int | None


@dataclass(frozen=True, kw_only=True)
class Metric:
    """One declared metric.

    `label` names it in every table, `description` says what it counts. `out_of` names the count that a rate is a share
    of: where that count is 0, tables show nothing and slices hold None.
    """

    label: str
    description: str
    unit: Unit
    compute: Callable[[Evidence], Figure]
    shown: Collection[Place]
    out_of: str | None = None
    higher_is_better: bool = True

    @property
    def title(self) -> str:
        """The label, with a hint where a lower rate is the better one."""
        hint = " (lower is better)" if self.unit is Unit.SHARE and not self.higher_is_better else ""
        return self.label + hint

    def figure(self, name: str, figures: Mapping[str, Any]) -> Any:
        """Pick this metric from a model's figures by name; None where nothing was counted or the file is older."""
        if self.out_of is not None and figures.get(self.out_of) == 0:
            return None
        value = figures.get(name)
        return None if self.unit is Unit.MONEY and not value else value

    def text(self, value: float | int) -> str:
        """A number in its unit's format."""
        return f"{value:,.2f}" if self.unit is Unit.MONEY else f"{value:,.0f}"


def metric(
    label: str,
    description: str,
    *,
    unit: Unit,
    compute: Callable[[Evidence], Figure],
    shown: Collection[Place] = (),
    higher_is_better: bool = True,
) -> Any:
    """Declare a metric as a dataclass field. A file from before the metric existed reads as None."""
    declared = Metric(
        label=label, description=description, unit=unit, compute=compute, shown=shown, higher_is_better=higher_is_better
    )
    return field(default=None, metadata={METRIC: declared})


def rate(
    label: str,
    description: str,
    outcomes: Callable[[Evidence], Iterable[bool | None]],
    *,
    out_of: str,
    shown: Collection[Place] = (Place.TABLE,),
    higher_is_better: bool = True,
    optional: bool = False,
) -> Any:
    """Declare a share of outcomes with its Wilson interval; an outcome of None is not counted.

    Over nothing a rate is 0 with the whole range as its interval, an `optional` one is None.
    """

    def compute(evidence: Evidence) -> Rate | None:
        counted = [outcome for outcome in outcomes(evidence) if outcome is not None]
        return None if optional and not counted else wilson(sum(counted), len(counted))

    return _declared_rate(label, description, compute, out_of=out_of, shown=shown, higher_is_better=higher_is_better)


def step_rate(
    label: str,
    description: str,
    outcome: Callable[[StepOutcome], bool | None],
    *,
    out_of: str,
    shown: Collection[Place] = (Place.TABLE,),
    higher_is_better: bool = True,
) -> Any:
    """Declare a share of steps; its interval is clustered by task, as steps of a task are not independent.

    A step whose outcome is None is not counted.
    """

    def compute(evidence: Evidence) -> Rate:
        by_task: dict[str, list[bool]] = defaultdict(list)
        for step in evidence.steps:
            if (counted := outcome(step)) is not None:
                by_task[step.step.task_id].append(counted)
        return clustered_wilson(by_task)

    return _declared_rate(label, description, compute, out_of=out_of, shown=shown, higher_is_better=higher_is_better)


def _declared_rate(
    label: str,
    description: str,
    compute: Callable[[Evidence], Rate | None],
    *,
    out_of: str,
    shown: Collection[Place],
    higher_is_better: bool,
) -> Any:
    declared = Metric(
        label=label,
        description=description,
        unit=Unit.SHARE,
        compute=compute,
        shown=shown,
        out_of=out_of,
        higher_is_better=higher_is_better,
    )
    return field(default=None, metadata={METRIC: declared})


def encode_metrics(metrics: object) -> bytes:
    """Metrics as readable JSON, keys in declared order."""
    return msgspec.json.format(msgspec.json.encode(metrics), indent=1) + b"\n"
