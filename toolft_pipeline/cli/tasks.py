"""`toolft tasks`: check the evaluation tasks against today's catalog and backend; make tasks from runs or plans."""

from __future__ import annotations

import json
from pathlib import Path

from toolft_pipeline.agent_file import warehouse_root
from toolft_pipeline.catalog.build import load_catalog
from toolft_pipeline.catalog.validator import CatalogValidator
from toolft_pipeline.cli.runs.terminal import say
from toolft_pipeline.errors import UsageError
from toolft_pipeline.evaluation.tasks import check_tasks as checking
from toolft_pipeline.evaluation.tasks.from_plans import read_plans, tasks_from_plans
from toolft_pipeline.evaluation.tasks.from_runs import tasks_from_runs, write_tasks
from toolft_pipeline.settings import AgentSettings
from toolft_pipeline.stages.evaluations.task_check import read_tasks
from toolft_pipeline.verification.day import ACCEPTED_FILE
from toolft_pipeline.warehouse.manifest import ArtifactKey
from toolft_pipeline.warehouse.store import Warehouse

FROM_RUNS_FILE = "tasks.from_runs.jsonl"
FROM_PLANS_FILE = "tasks.from_plans.jsonl"


def check_tasks(settings: AgentSettings, *, as_json: bool) -> int:
    """Print every task that cannot be done, with the reason; returns 1 if there is one."""
    tasks = read_tasks(settings)
    found = checking.check_tasks(
        tasks, validator=CatalogValidator(load_catalog(_catalog(settings))), sandbox=settings.sandbox,
        cwd=settings.folder, max_turns=settings.evaluation.max_turns,
    ).impossible  # fmt: skip
    if as_json:
        impossible = [{"task_id": each.task_id, "reason": each.reason} for each in found]
        print(json.dumps({"tasks": len(tasks), "impossible": impossible}, indent=1))
        return int(bool(found))
    for each in found:
        say(f"{each.task_id}: {each.reason}")
    unasked = "" if settings.sandbox is not None else "; without a sandbox only the catalog was asked"
    say(f"{len(tasks)} tasks, {len(found)} of them impossible{unasked}")
    return int(bool(found))


def make_tasks(
    settings: AgentSettings, *, count: int, golden: bool, first: str | None, last: str | None, out: Path | None
) -> int:
    """Write tasks made from verified runs into a file that does not exist yet."""
    if settings.sandbox is None:
        raise UsageError(f"{settings.name} has no sandbox: a run becomes a task only if it replays; declare `sandbox`")
    path = out or settings.path(settings.evaluation.tasks).with_name(FROM_RUNS_FILE)
    if path.exists():
        raise UsageError(f"{path} exists already; move it away, or name another with --out")
    accepted = _accepted(settings, first=first, last=last)
    existing = read_tasks(settings) if settings.path(settings.evaluation.tasks).is_file() else []
    made = tasks_from_runs(
        accepted, count=count, golden=golden, known=existing, sandbox=settings.sandbox, cwd=settings.folder,
        progress=say,
    )  # fmt: skip
    if not made.tasks:
        kind = "golden" if golden else "logged"
        raise UsageError(
            f"no task can be made of {made.tried} verified {kind} runs: {made.not_replayed} do not replay, "
            f"{made.repeated} are tasks already; name other days with --from and --to"
        )
    write_tasks(made.tasks, path)
    say(
        f"{len(made.tasks)} tasks from {made.tried} runs ({made.not_replayed} do not replay, {made.repeated} repeat a "
        f"task) in {path}",
        f"read them, then set evaluation.tasks to this file, or append its lines to {settings.evaluation.tasks}: from "
        "then on these runs and their near-duplicates are left out of training",
    )
    return 0


def execute_plans(settings: AgentSettings, *, plans: Path, out: Path | None) -> int:
    """Write tasks made from a file of plans into a file that does not exist yet."""
    if settings.sandbox is None:
        raise UsageError(f"{settings.name} has no sandbox: plans are executed on one; declare `sandbox`")
    path = out or settings.path(settings.evaluation.tasks).with_name(FROM_PLANS_FILE)
    if path.exists():
        raise UsageError(f"{path} exists already; move it away, or name another with --out")
    tasks = tasks_from_plans(read_plans(plans), sandbox=settings.sandbox, cwd=settings.folder, progress=say)
    if not tasks:
        raise UsageError(f"{plans} has no plans; write one a line (docs/tasks.md)")
    write_tasks(tasks, path)
    say(f"{len(tasks)} tasks in {path}", "set evaluation.tasks to this file, or append its lines to your own")
    return 0


def _catalog(settings: AgentSettings) -> Path:
    """The agent's catalog file, as it is now; for other sources the version in force."""
    if settings.catalog.file is not None:
        return settings.path(settings.catalog.file)
    version = Warehouse(warehouse_root()).current(ArtifactKey(agent=settings.name, asset="tool_catalog"))
    if version is None:
        raise UsageError(f"{settings.name}/tool_catalog has no version; run `toolft run {settings.name} --sources`")
    return version.folder


def _accepted(settings: AgentSettings, *, first: str | None, last: str | None) -> dict[str, Path]:
    """The accepted runs of each verified day."""
    warehouse = Warehouse(warehouse_root())
    found = {}
    for day in warehouse.partitions(settings.name, "verified_trajectories"):
        key = ArtifactKey(agent=settings.name, asset="verified_trajectories", partition=day)
        if (first or day) <= day <= (last or day) and (version := warehouse.current(key)) is not None:
            found[day] = version.file(ACCEPTED_FILE)
    if not found:
        raise UsageError(f"{settings.name} has no verified runs; run `toolft run {settings.name} --data` first")
    return found
