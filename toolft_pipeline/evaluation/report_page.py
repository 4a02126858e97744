"""report.html: one page that opens from a file, needs no network and reads on a phone.

Invariant: every text of a log or a model passes through the template engine's escaping, and the page's own policy
lets no script run but the page's own, so a hostile log line is shown and never executed.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib import resources

from jinja2 import Environment, StrictUndefined

from toolft_pipeline.evaluation.calls import calls_of_message
from toolft_pipeline.evaluation.gate import Verdict
from toolft_pipeline.evaluation.intervals import Rate
from toolft_pipeline.evaluation.metrics import NO_CALL, ModelMetrics
from toolft_pipeline.evaluation.tables import CallRow, RolloutRow, StepRow
from toolft_pipeline.evaluation.task import Task
from toolft_pipeline.evaluation.trend import TREND_RATES, Point, line
from toolft_pipeline.trajectories.record import Role

RATES = {
    "task_success": "tasks passed",
    "parse_rate": "turns that parse",
    "right_tool": "right tool",
    "valid_arguments": "schema-valid arguments",
    "exact_match": "exact calls",
    "fuzzy_match": "fuzzy match (> 0.8 alike)",
    "functional_match": "functional match",
    "hallucinated_tool": "made-up tools (fewer is better)",
}
"""Rows of the result table: metric and label."""


@dataclass(frozen=True, kw_only=True)
class Evaluated:
    """One model's evaluation as read back."""

    name: str
    metrics: ModelMetrics
    steps: Sequence[StepRow]
    rollouts: Sequence[RolloutRow]


@dataclass(frozen=True, kw_only=True)
class Turn:
    """One line of a conversation as shown: who, what was said, calls, and whether something is wrong with it."""

    speaker: str
    text: str
    calls: tuple[str, ...] = ()
    bad: bool = False


@dataclass(frozen=True, kw_only=True)
class Card:
    """One model on one task: what happened beside what was expected, and each step on its own.

    `tools` are those that the plan or the model names; `failures` what the rollout and its steps failed by: both are
    what the page filters by.
    """

    model: str
    task_id: str
    category: str
    family: str
    asked: str
    tools: tuple[str, ...]
    passed: bool
    failures: tuple[str, ...]
    findings: tuple[tuple[str, str], ...]
    happened: tuple[Turn, ...]
    expected: tuple[Turn, ...]
    steps: tuple[tuple[StepRow, bool], ...]

    @property
    def tools_json(self) -> str:
        """For the page's filter."""
        return json.dumps(self.tools)

    @property
    def chips(self) -> tuple[str, ...]:
        """What the rollout failed by, each once."""
        return tuple(dict.fromkeys(failure for failure, _ in self.findings))

    @property
    def failures_json(self) -> str:
        """For the page's filter."""
        return json.dumps(self.failures)


def render_page(
    *,
    agent: str,
    day: str,
    evaluated: Sequence[Evaluated],
    tasks: Sequence[Task],
    verdict: Verdict | None,
    proofs: Mapping[str, bool],
    catalog_tokens_saved: int,
    loss: Sequence[tuple[float, float]],
    trend: Sequence[Point],
) -> str:
    """The page's HTML. `loss` are (step, loss) points of the training, `trend` one point a report, oldest first."""
    here = resources.files(__package__)
    script = here.joinpath("report.js").read_text(encoding="utf-8")
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    template = environment.from_string(here.joinpath("report.html.jinja").read_text(encoding="utf-8"))
    models = {each.name: each.metrics for each in evaluated}
    cards = [card for each in evaluated for card in _cards(each, tasks)]
    return template.render(
        agent=agent,
        day=day,
        models=models,
        rates=_with_something_to_show(models),
        verdict=verdict,
        tiles=list(_tiles(models, catalog_tokens_saved)),
        proofs=proofs,
        categories=_names(metrics.by_category for metrics in models.values()),
        tools=_names(metrics.by_tool for metrics in models.values()),
        failures=_names(metrics.failures for metrics in models.values()),
        found=sorted({failure for card in cards for failure in card.failures}),
        called=sorted({tool for card in cards for tool in card.tools}),
        cards=cards,
        trend=trend,
        trend_lines=[(label, line(trend, rate)) for rate, label in TREND_RATES.items()],
        loss=_polyline(loss),
        last_loss=loss[-1][1] if loss else None,
        style=here.joinpath("report.css").read_text(encoding="utf-8"),
        script=script,
        script_digest=base64.b64encode(hashlib.sha256(script.encode()).digest()).decode(),
    )


def _tiles(models: Mapping[str, ModelMetrics], catalog_tokens_saved: int) -> Iterator[tuple[str, str, str]]:
    """The headline: label, figure, and what stands beside it. The first model is the one that the page is about."""
    first, *others = models.items()
    name, metrics = first
    for label, rate in (("tasks passed", "task_success"), ("right tool", "right_tool"), ("exact calls", "exact_match")):
        if rate == "task_success" and not metrics.n_tasks:
            continue
        beside = [f"{other} {getattr(each, rate).value:.0%}" for other, each in others[:2]]
        yield label, f"{getattr(metrics, rate).value:.1%}", ", ".join(beside) or name
    if catalog_tokens_saved:
        yield "catalog tokens saved", f"{catalog_tokens_saved:,}", "at every turn"
    yield "tokens a turn", f"{metrics.tokens_per_turn:,.0f}", f"p50 {metrics.latency_ms_p50 / 1000:,.1f} s a turn"


def step_failures(step: StepRow) -> list[str]:
    """The metrics that a step misses, by name."""
    missed = {
        "parse": not step.parsed,
        "right_tool": not step.right_tool,
        "valid_arguments": step.valid_arguments is False,
        "hallucinated_tool": step.hallucinated_tool,
        "exact_match": step.exact_match is False,
    }
    return [name for name, failed in missed.items() if failed]


def _with_something_to_show(models: Mapping[str, ModelMetrics]) -> dict[str, tuple[str, dict[str, Rate | None]]]:
    """Rate rows: metric -> label and, by model, the rate, or None where it counts nothing."""
    rows: dict[str, tuple[str, dict[str, Rate | None]]] = {}
    for metric, label in RATES.items():
        counted: dict[str, Rate | None] = {}
        for name, metrics in models.items():
            empty = metrics.n_tasks == 0 if metric == "task_success" else metrics.n_steps == 0
            counted[name] = None if empty else getattr(metrics, metric)
        rows[metric] = (label, counted)
    return rows


def _cards(each: Evaluated, tasks: Sequence[Task]) -> Iterator[Card]:
    rollouts = {rollout.task_id: rollout for rollout in each.rollouts}
    for task in tasks:
        steps = tuple(
            (step, step.right_tool and step.exact_match is not False)
            for step in each.steps
            if step.task_id == task.task_id
        )
        rollout = rollouts.get(task.task_id)
        if not steps and rollout is None:
            continue
        failing = [] if rollout is None else [found.failure for found in rollout.findings]
        failing += [f"step: {failure}" for step, _ in steps for failure in step_failures(step)]
        made = [call.name for turn in (rollout.turns if rollout is not None else ()) for call in turn.calls]
        made += [call.name for step, _ in steps for call in step.calls]
        planned = {call.name for call in task.plan}
        findings = () if rollout is None else tuple((found.failure, found.detail) for found in rollout.findings)
        yield Card(
            model=each.name,
            task_id=task.task_id,
            category=str(task.category),
            family=task.family,
            asked=task.user_turns[0],
            tools=tuple(sorted({*planned, *made, *(() if planned else (NO_CALL,))})),
            passed=rollout.passed if rollout is not None else all(good for _, good in steps),
            failures=tuple(dict.fromkeys(failing)),
            findings=findings,
            happened=() if rollout is None else tuple(_happened(task, rollout)),
            expected=tuple(_expected(task)),
            steps=steps,
        )


def _happened(task: Task, rollout: RolloutRow) -> Iterator[Turn]:
    spoken = -1
    for turn in rollout.turns:
        if turn.user_turn > spoken:
            spoken = turn.user_turn
            yield Turn(speaker="user", text=task.user_turns[spoken])
        bad = bool(turn.malformed)
        yield Turn(speaker="assistant", text=turn.text, calls=tuple(map(_shown, turn.calls)), bad=bad)
        for call in turn.calls:
            yield Turn(speaker="tool", text=call.result, bad=call.is_error)


def _expected(task: Task) -> Iterator[Turn]:
    for message in task.gold:
        if message["role"] == Role.SYSTEM:
            continue
        text = message.get("content") or ""
        calls = tuple(f"{call.name}({call.arguments})" for call in calls_of_message(message))
        failed = message["role"] == Role.TOOL and text.startswith("Error: ")
        yield Turn(speaker=message["role"], text=text, calls=calls, bad=failed)


def _shown(call: CallRow) -> str:
    return f"{call.name}({call.arguments_json})" + (f"  ✗ {call.reason}" if call.reason else "")


def _names(groups: Iterable[Mapping[str, object]]) -> list[str]:
    return sorted({name for group in groups for name in group})


def _polyline(points: Sequence[tuple[float, float]]) -> str:
    """SVG points of a curve in a box of 600 by 160; nothing for fewer than two points."""
    if len(points) < 2:
        return ""
    xs, ys = [x for x, _ in points], [y for _, y in points]
    wide, high = (max(xs) - min(xs)) or 1.0, max(*ys, 0.0) or 1.0
    return " ".join(f"{600 * (x - min(xs)) / wide:.1f},{160 - 160 * y / high:.1f}" for x, y in points)
