"""Steps, rollouts and probes as parquet: every generation, turn by turn.

Invariant: the tables hold no time and no host, so the same answers are the same bytes; times are in metrics.json.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq
from msgspec import Struct

from toolft_pipeline.evaluation.judge.rollout_verdict import RolloutVerdict
from toolft_pipeline.evaluation.judge.task import Task
from toolft_pipeline.evaluation.judge.transcript import AssistantTurn, Transcript
from toolft_pipeline.evaluation.scoring.probes import ProbeOutcome
from toolft_pipeline.evaluation.scoring.steps import StepOutcome

STEPS_FILE = "steps.parquet"
ROLLOUTS_FILE = "rollouts.parquet"
PROBES_FILE = "probes.parquet"

_TEXT = pa.string()
_CALL = pa.struct([("name", _TEXT), ("arguments_json", _TEXT)])
_MADE = pa.struct(
    [
        ("name", _TEXT),
        ("arguments_json", _TEXT),
        ("result", _TEXT),
        ("is_error", pa.bool_()),
        ("reason", _TEXT),
        ("reads", pa.bool_()),
    ]
)
_TURN = pa.struct(
    [
        ("user_turn", pa.int32()),
        ("generated", _TEXT),
        ("text", _TEXT),
        ("calls", pa.list_(_MADE)),
        ("malformed", pa.list_(_TEXT)),
        ("n_prompt_tokens", pa.int32()),
        ("n_new_tokens", pa.int32()),
    ]
)

STEP_SCHEMA = pa.schema(
    [
        ("task_id", _TEXT),
        ("category", _TEXT),
        ("family", _TEXT),
        ("place", pa.int32()),
        ("user_turn", pa.int32()),
        ("expected_text", _TEXT),
        ("expected_calls", pa.list_(_CALL)),
        ("generated", _TEXT),
        ("calls", pa.list_(_CALL)),
        ("malformed", pa.list_(_TEXT)),
        ("finished", pa.bool_()),
        ("parsed", pa.bool_()),
        ("right_tool", pa.bool_()),
        ("valid_arguments", pa.bool_()),
        ("hallucinated_tool", pa.bool_()),
        ("exact_match", pa.bool_()),
        ("fuzzy_match", pa.bool_()),
        ("functional_match", pa.bool_()),
        ("functional_basis", _TEXT),
        ("parse_fault", _TEXT),
        ("n_prompt_tokens", pa.int32()),
        ("n_new_tokens", pa.int32()),
    ]
)

ROLLOUT_SCHEMA = pa.schema(
    [
        ("task_id", _TEXT),
        ("category", _TEXT),
        ("family", _TEXT),
        ("passed", pa.bool_()),
        ("stop", _TEXT),
        ("findings", pa.list_(pa.struct([("failure", _TEXT), ("detail", _TEXT)]))),
        ("modes", pa.list_(_TEXT)),
        ("final_state", _TEXT),
        ("turns", pa.list_(_TURN)),
    ]
)


PROBE_SCHEMA = pa.schema(
    [
        ("id", _TEXT),
        ("kind", _TEXT),
        ("asked", _TEXT),
        ("generated", _TEXT),
        ("passed", pa.bool_()),
        ("called", pa.bool_()),
    ]
)


class CallRow(Struct, frozen=True, kw_only=True):
    """A call as read back, with its result if it was executed."""

    name: str
    arguments_json: str
    result: str = ""
    is_error: bool = False
    reason: str | None = None
    reads: bool | None = None


class StepRow(Struct, frozen=True, kw_only=True):
    """A step as read back."""

    task_id: str
    category: str
    family: str
    place: int
    user_turn: int
    expected_text: str
    expected_calls: tuple[CallRow, ...]
    generated: str
    calls: tuple[CallRow, ...]
    malformed: tuple[str, ...]
    finished: bool
    parsed: bool
    right_tool: bool
    valid_arguments: bool | None
    hallucinated_tool: bool
    exact_match: bool | None
    fuzzy_match: bool | None
    functional_match: bool | None
    n_prompt_tokens: int
    n_new_tokens: int
    functional_basis: str = "similarity"
    parse_fault: str | None = None


class TurnRow(Struct, frozen=True, kw_only=True):
    """A turn of a rollout as read back."""

    user_turn: int
    generated: str
    text: str
    calls: tuple[CallRow, ...]
    malformed: tuple[str, ...]
    n_prompt_tokens: int
    n_new_tokens: int


class FindingRow(Struct, frozen=True, kw_only=True):
    """A failed condition as read back."""

    failure: str
    detail: str


class RolloutRow(Struct, frozen=True, kw_only=True):
    """A rollout as read back."""

    task_id: str
    category: str
    family: str
    passed: bool
    stop: str
    findings: tuple[FindingRow, ...]
    final_state: str
    turns: tuple[TurnRow, ...]
    modes: tuple[str, ...] = ()


class ProbeRow(Struct, frozen=True, kw_only=True):
    """A question on general ability as read back; `called` is None where a call is wanted."""

    id: str
    kind: str
    asked: str
    generated: str
    passed: bool
    called: bool | None


def write_steps(outcomes: Sequence[StepOutcome], folder: Path) -> None:
    """Write `steps.parquet`, one row a step, in order."""
    _write([_step_row(outcome) for outcome in outcomes], STEP_SCHEMA, folder / STEPS_FILE)


def write_rollouts(
    tasks: Sequence[Task], rollouts: Sequence[tuple[Transcript, RolloutVerdict]], folder: Path
) -> None:  # fmt: skip
    """Write `rollouts.parquet`, one row a task, in order; no rows without a sandbox."""
    known = {task.task_id: task for task in tasks}
    rows = [rollout_row(known[transcript.task_id], transcript, verdict) for transcript, verdict in rollouts]
    _write(rows, ROLLOUT_SCHEMA, folder / ROLLOUTS_FILE)


def write_probes(outcomes: Sequence[ProbeOutcome], folder: Path) -> None:
    """Write `probes.parquet`, one row a question, in order; no rows if none were asked."""
    rows = [
        {
            "id": outcome.probe.id,
            "kind": str(outcome.probe.kind),
            "asked": outcome.probe.user,
            "generated": outcome.generation.text,
            "passed": outcome.passed,
            "called": outcome.called,
        }
        for outcome in outcomes
    ]
    _write(rows, PROBE_SCHEMA, folder / PROBES_FILE)


def read_steps(folder: Path) -> list[StepRow]:
    """Read the steps of an evaluation."""
    return msgspec.convert(pq.read_table(folder / STEPS_FILE).to_pylist(), list[StepRow])


def read_rollouts(folder: Path) -> list[RolloutRow]:
    """Read the rollouts of an evaluation."""
    return msgspec.convert(pq.read_table(folder / ROLLOUTS_FILE).to_pylist(), list[RolloutRow])


def read_probes(folder: Path) -> list[ProbeRow]:
    """Read the questions on general ability of an evaluation."""
    return msgspec.convert(pq.read_table(folder / PROBES_FILE).to_pylist(), list[ProbeRow])


def _write(rows: list[dict[str, Any]], schema: pa.Schema, path: Path) -> None:
    pq.write_table(pa.Table.from_pylist(rows, schema=schema), path, compression="zstd")


def _step_row(outcome: StepOutcome) -> dict[str, Any]:
    step, turn, generation = outcome.step, outcome.turn, outcome.generation
    return {
        "task_id": step.task_id,
        "category": str(step.category),
        "family": step.family,
        "place": step.place,
        "user_turn": step.user_turn,
        "expected_text": step.expected_text,
        "expected_calls": [{"name": call.name, "arguments_json": call.arguments} for call in step.expected_calls],
        "generated": generation.text,
        "calls": [{"name": call.name, "arguments_json": call.arguments_json} for call in turn.calls],
        "malformed": list(turn.malformed),
        "finished": generation.finished,
        "parsed": outcome.parsed,
        "right_tool": outcome.right_tool,
        "valid_arguments": outcome.valid_arguments,
        "hallucinated_tool": outcome.hallucinated_tool,
        "exact_match": outcome.exact_match,
        "fuzzy_match": outcome.fuzzy_match,
        "functional_match": outcome.functional_match,
        "functional_basis": str(outcome.functional_basis),
        "parse_fault": outcome.parse_fault and str(outcome.parse_fault),
        "n_prompt_tokens": generation.n_prompt_tokens,
        "n_new_tokens": generation.n_new_tokens,
    }


def rollout_row(task: Task, transcript: Transcript, verdict: RolloutVerdict) -> dict[str, Any]:
    """A row of `ROLLOUT_SCHEMA`."""
    return {
        "task_id": task.task_id,
        "category": str(task.category),
        "family": task.family,
        "passed": verdict.passed,
        "stop": str(transcript.stop),
        "findings": [{"failure": str(each.failure), "detail": each.detail} for each in verdict.findings],
        "modes": [str(mode) for mode in verdict.modes],
        "final_state": transcript.final_state,
        "turns": [_turn_row(turn) for turn in transcript.turns],
    }


def _turn_row(turn: AssistantTurn) -> dict[str, Any]:
    return {
        "user_turn": turn.user_turn,
        "generated": turn.generation.text,
        "text": turn.text,
        "calls": [
            {
                "name": made.call.name,
                "arguments_json": made.call.arguments_json,
                "result": made.result,
                "is_error": made.is_error,
                "reason": made.reason,
                "reads": made.reads,
            }
            for made in turn.calls
        ],
        "malformed": list(turn.malformed),
        "n_prompt_tokens": turn.generation.n_prompt_tokens,
        "n_new_tokens": turn.generation.n_new_tokens,
    }
