"""The newest day's verified runs as evaluation tasks: would the candidate have done yesterday's work?

Invariant: a run becomes a task only if replaying its record on the backend ends in its recorded state. If redaction or
a changed backend prevents that, no model could pass, and the run is skipped and counted. Without a backend a run is a
task for its steps, which are compared with the record. Runs are sampled by the hash
of their id, so the sample has production's own mix; those that the candidate was trained on only fill up a small one.
Runs that our own server answered are no tasks: the model in service did all of them that were accepted.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from msgspec import structs

from toolft_pipeline.chat.rendering.conversation import trajectory_messages
from toolft_pipeline.curation.selection import SELECTION_FILE
from toolft_pipeline.curation.split import Split
from toolft_pipeline.evaluation.judge.task import PlannedCall, Task
from toolft_pipeline.sandbox.pool import map_on_sandboxes
from toolft_pipeline.sandbox.protocol import MCP_FAILURE, Sandbox
from toolft_pipeline.sandbox.state_watch import StateWatch
from toolft_pipeline.settings import SandboxSettings
from toolft_pipeline.trajectories.accepted_table import AcceptedRun, read_accepted_rows
from toolft_pipeline.trajectories.record import SERVED, Message, Origin, Role, Trajectory
from toolft_pipeline.trajectories.tool_failure import ERROR_PREFIX
from toolft_pipeline.verification.replay.replay import replay


@dataclass(frozen=True, kw_only=True)
class ShadowTasks:
    """The tasks, the ids of those that the candidate was trained on, and how many runs were skipped."""

    tasks: tuple[Task, ...]
    trained_on: frozenset[str]
    left_out: int


def shadow_tasks(
    *,
    accepted: Path,
    trained_on: Collection[str],
    runs: int,
    at_least: int,
    sandbox: SandboxSettings | None,
    cwd: Path,
    golden: bool = False,
) -> ShadowTasks:
    """Sample up to `runs` runs of a day's `accepted` table and make tasks of those that replay.

    `golden` takes the golden runs instead of the logged ones. `trained_on` has ids of trajectories; `cwd` is where the
    sandbox's command runs. Those trained on fill up the sample to `at_least` runs. Raises `SandboxError` if the backend
    does not start.
    """
    sample = _sample(accepted, trained_on=trained_on, runs=runs, at_least=at_least, golden=golden)
    rows = [row for row in read_accepted_rows(accepted) if row.run.trajectory_id in sample] if sample else []
    tasks = {row.run.trajectory_id: run_as_task(row) for row in rows if _is_a_task(row.run, golden=golden)}
    good = sorted(tasks)
    if sandbox is not None and tasks:
        replayed = map_on_sandboxes(
            [row.run for row in rows if row.run.trajectory_id in tasks],
            lambda backend, run: _replayed(backend, run, volatile=sandbox.volatile),
            settings=sandbox,
            cwd=cwd,
            failed=lambda run, _error: (run.trajectory_id, None),
        )
        reads = {run_id: only_read for run_id, only_read in replayed if only_read is not None}
        good = sorted(reads)
        tasks |= {run_id: _with_reads(tasks[run_id], reads[run_id]) for run_id in good}
    return ShadowTasks(
        tasks=tuple(tasks[run_id] for run_id in good),
        trained_on=frozenset(run_id for run_id in good if run_id in trained_on),
        left_out=len(rows) - len(good),
    )


def trained_on(selection: Path) -> frozenset[str]:
    """Ids of the runs in a training set's folder that were trained on, or whose near-duplicate was."""
    table = pq.read_table(selection / SELECTION_FILE, columns=["trajectory_id", "side", "duplicate_of"])
    seen = pc.or_(pc.equal(table["side"], str(Split.TRAIN)), pc.is_valid(table["duplicate_of"]))
    return frozenset(table.filter(seen)["trajectory_id"].to_pylist())


def run_as_task(row: AcceptedRun) -> Task:
    """Make a task of an accepted run: its user turns, its calls as the plan, its final state as the expected one.

    Only the user's turns order the calls: a record does not say which of its calls had to come first, and where that
    matters the final state shows it.
    """
    run = row.run
    gold = trajectory_messages(run)
    return Task(
        task_id=run.trajectory_id,
        task_key=run.task_key or run.trajectory_id,
        family="+".join(row.tools) or "no tool",
        category=row.category,
        state_ref=run.initial_state_ref or "",
        system="\n\n".join(message.text for message in run.messages if message.role is Role.SYSTEM) or None,
        user_turns=tuple(message.text for message in run.messages if message.role is Role.USER),
        plan=tuple(_plan(run)),
        expected_state=run.final_state_ref or "",
        gold=tuple(gold),
    )


def _plan(run: Trajectory) -> Iterator[PlannedCall]:
    """The calls of a run. A call fails only if the backend itself reports an error, as in rollouts: one refused in an
    ordinary result (`{"error": ...}`) was accepted by the backend, and the model must make it too."""
    turn, caller = -1, 0
    failed: set[tuple[int, str]] = set()  # (index of the assistant turn, call id): ids may repeat in later turns
    for place, message in enumerate(run.messages):
        caller = place if message.role is Role.ASSISTANT else caller
        if message.role is Role.TOOL and message.text.startswith((ERROR_PREFIX, MCP_FAILURE)):
            failed.add((caller, message.tool_call_id or ""))
    for place, message in enumerate(run.messages):
        turn += message.role is Role.USER
        for call in message.tool_calls:
            yield PlannedCall(
                id=f"{place}-{call.id}",
                name=call.name,
                arguments=json.loads(call.arguments_json),
                turn=max(turn, 0),
                fails=(place, call.id) in failed,
            )


def _is_a_task(run: Trajectory, *, golden: bool) -> bool:
    """Whether a run is of the wanted origin, text only, starts with the user, and ends every user turn in one answer or
    in a tool result, which verification accepts only of agents whose runs may end so.
    """
    if run.golden != golden or run.origin is not (Origin.GOLDEN if golden else Origin.LOGGED):
        return False
    if any(part.type != "text" for message in run.messages for part in message.content):
        return False
    turns: list[list[Message]] = []
    for message in run.messages:
        if message.role is Role.USER:
            turns.append([])
        elif message.role is not Role.SYSTEM:
            if not turns:
                return False
            turns[-1].append(message)
    return bool(turns) and all(map(_is_whole, turns))


def _is_whole(turn: Sequence[Message]) -> bool:
    answers = [message for message in turn if message.role is Role.ASSISTANT and not message.tool_calls]
    return bool(turn) and (answers == [turn[-1]] or (not answers and turn[-1].role is Role.TOOL))


def _sample(accepted: Path, *, trained_on: Collection[str], runs: int, at_least: int, golden: bool) -> frozenset[str]:
    table = pq.read_table(accepted, columns=["trajectory_id", "golden", "origin"])
    served = pc.is_in(table["origin"], pa.array(sorted(SERVED), pa.string()))
    wanted = pc.and_not(pc.equal(table["golden"], golden), served)
    ids: Sequence[str] = table.filter(wanted)["trajectory_id"].to_pylist()
    ordered = sorted(ids, key=lambda run_id: (run_id in trained_on, hashlib.sha256(run_id.encode()).digest()))
    fresh = sum(run_id not in trained_on for run_id in ordered)
    return frozenset(ordered[: min(runs, max(fresh, at_least))])


def _replayed(backend: Sandbox, run: Trajectory, *, volatile: Sequence[str]) -> tuple[str, list[bool] | None]:
    """Of each call of a run that replays whether it only read; None for a run that does not replay."""
    watch = StateWatch(backend)
    replays = replay(watch, run, volatile=volatile) is None
    return run.trajectory_id, watch.only_read if replays else None


def _with_reads(task: Task, only_read: Sequence[bool]) -> Task:
    """A task of a run with its calls marked that only read."""
    return structs.replace(
        task, plan=tuple(structs.replace(call, reads=reads) for call, reads in zip(task.plan, only_read, strict=True))
    )
