"""The newest day's verified runs as evaluation tasks: would the candidate have done yesterday's work?

Invariant: a run becomes a task only if its own record, made again on the backend, ends in its recorded state: where
redaction or a moved backend makes that impossible, no model could pass, and the run is left out and counted. The draw
goes by the hash of the run's id, runs that the candidate was not trained on first; it is production's own mix.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow.compute as pc
import pyarrow.parquet as pq

from toolft_pipeline.chat.rendering.conversation import trajectory_messages
from toolft_pipeline.curation.selection import SELECTION_FILE
from toolft_pipeline.curation.split import Split
from toolft_pipeline.evaluation.scoring.task import PlannedCall, Task
from toolft_pipeline.sandbox.pool import map_on_sandboxes
from toolft_pipeline.sandbox.protocol import MCP_FAILURE, Sandbox
from toolft_pipeline.settings import SandboxSettings
from toolft_pipeline.trajectories.category import categorize, tools_used
from toolft_pipeline.trajectories.record import Origin, Role, Trajectory
from toolft_pipeline.trajectories.table import read_trajectories
from toolft_pipeline.trajectories.tool_failure import ERROR_PREFIX
from toolft_pipeline.verification.replay.replay import replay


@dataclass(frozen=True, kw_only=True)
class ShadowTasks:
    """The tasks, how many of them come from runs that the candidate was trained on, and how many runs fell out."""

    tasks: tuple[Task, ...]
    trained_on: int
    left_out: int


def shadow_tasks(
    *,
    accepted: Path,
    trained_on: Collection[str],
    runs: int,
    sandbox: SandboxSettings,
    cwd: Path,
    error_forms: Sequence[str] = (),
) -> ShadowTasks:
    """Draw at most `runs` runs of a day's `accepted` table and make tasks of those that replay.

    `trained_on` has ids of trajectories; `cwd` is where the sandbox's command runs; `error_forms` are the agent's own
    forms of failed calls, which the tasks' categories go by. Raises `SandboxError` where the
    backend does not start.
    """
    drawn = _draw(accepted, trained_on=trained_on, runs=runs)
    chosen = [run for run in read_trajectories(accepted) if run.trajectory_id in drawn] if drawn else []
    tasks = {run.trajectory_id: run_as_task(run, error_forms=error_forms) for run in chosen if _is_a_task(run)}
    judged = map_on_sandboxes(
        [run for run in chosen if run.trajectory_id in tasks],
        lambda backend, run: _replays(backend, run, volatile=sandbox.volatile),
        settings=sandbox,
        cwd=cwd,
        failed=lambda run, _error: (run.trajectory_id, False),
    )
    good = sorted(run_id for run_id, replays in judged if replays) if tasks else []
    return ShadowTasks(
        tasks=tuple(tasks[run_id] for run_id in good),
        trained_on=sum(run_id in trained_on for run_id in good),
        left_out=len(chosen) - len(good),
    )


def trained_on(selection: Path) -> frozenset[str]:
    """Ids of the runs of a training set's folder that were trained on, or whose near-duplicate was."""
    table = pq.read_table(selection / SELECTION_FILE, columns=["trajectory_id", "side", "duplicate_of"])
    seen = pc.or_(pc.equal(table["side"], str(Split.TRAIN)), pc.is_valid(table["duplicate_of"]))
    return frozenset(table.filter(seen)["trajectory_id"].to_pylist())


def run_as_task(run: Trajectory, *, error_forms: Sequence[str] = ()) -> Task:
    """What the user said, the calls that were made as the plan, and the recorded end as the expected one.

    Only the user's turns order the calls: a record does not say which of its calls had to come first, and where it
    matters the final state shows it.
    """
    gold = trajectory_messages(run)
    return Task(
        task_id=run.trajectory_id,
        task_key=run.task_key or run.trajectory_id,
        family="+".join(tools_used(run.messages)) or "no tool",
        category=categorize(run.messages, error_forms=error_forms),
        state_ref=run.initial_state_ref or "",
        system="\n\n".join(message.text for message in run.messages if message.role is Role.SYSTEM) or None,
        user_turns=tuple(message.text for message in run.messages if message.role is Role.USER),
        plan=tuple(_plan(run)),
        expected_state=run.final_state_ref or "",
        gold=tuple(gold),
    )


def _plan(run: Trajectory) -> Iterator[PlannedCall]:
    """The calls. One fails where the backend itself says so, as in the rollouts that are judged by the plan: a refusal
    told in an ordinary result (`{"error": ...}`) is a call that the backend took, and the model must make it too."""
    turn, asked = -1, 0
    failed: set[tuple[int, str]] = set()  # (place of the assistant turn, call id): ids may come again in later turns
    for place, message in enumerate(run.messages):
        asked = place if message.role is Role.ASSISTANT else asked
        if message.role is Role.TOOL and message.text.startswith((ERROR_PREFIX, MCP_FAILURE)):
            failed.add((asked, message.tool_call_id or ""))
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


def _is_a_task(run: Trajectory) -> bool:
    """A logged run of text alone that starts with the user, in which every user turn gets its own answer."""
    if run.golden or run.origin is not Origin.LOGGED:
        return False
    if any(part.type != "text" for message in run.messages for part in message.content):
        return False
    spoken = [message for message in run.messages if message.role in {Role.USER, Role.ASSISTANT}]
    answers = [message.role for message in spoken if message.role is Role.USER or not message.tool_calls]
    return bool(answers) and answers == [Role.USER, Role.ASSISTANT] * (len(answers) // 2)


def _draw(accepted: Path, *, trained_on: Collection[str], runs: int) -> frozenset[str]:
    table = pq.read_table(accepted, columns=["trajectory_id", "golden"])
    ids: Sequence[str] = table.filter(pc.invert(table["golden"]))["trajectory_id"].to_pylist()
    ordered = sorted(ids, key=lambda run_id: (run_id in trained_on, hashlib.sha256(run_id.encode()).digest()))
    return frozenset(ordered[:runs])


def _replays(backend: Sandbox, run: Trajectory, *, volatile: Sequence[str]) -> tuple[str, bool]:
    return run.trajectory_id, replay(backend, run, volatile=volatile) is None
