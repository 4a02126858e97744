"""`toolft run`: plan by fingerprint, then launch the same jobs on the same instance as the UI.

Data stages are one Dagster run per day, in this process or in parallel ones; model stages run one process per step.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from toolft_pipeline.agent_file import AGENT_FILE, MissingError, problem_lines, warehouse_root
from toolft_pipeline.cli.runs.instance import open_instance
from toolft_pipeline.cli.runs.interruption import Interruption
from toolft_pipeline.cli.runs.terminal import say
from toolft_pipeline.errors import UsageError
from toolft_pipeline.ingest.day import log_days
from toolft_pipeline.settings import AgentSettings
from toolft_pipeline.settings_checks.external_resources import missing_resources
from toolft_pipeline.stages.planning.plan import Action, PlanStep, make_plan
from toolft_pipeline.stages.spec.stage import DAY_NAME, Group, Stage
from toolft_pipeline.stages.stages import stages_of, with_downstream
from toolft_pipeline.warehouse.manifest import ArtifactKey
from toolft_pipeline.warehouse.store import Warehouse


@dataclass(frozen=True, kw_only=True)
class RunOptions:
    """The options of `toolft run`."""

    overrides: Mapping[str, str]
    """Settings for this run, by dotted key."""
    first: str | None
    last: str | None
    """Range of days; None for the first or the newest day with logs."""
    dry_run: bool
    force: bool
    until: Group = Group.MODEL
    """The last group that is made."""
    workers: int = 1
    """Number of days that are made in parallel."""
    stage: str | None = None
    """Make only this stage and those downstream of it."""
    without: frozenset[str] = frozenset()
    """Stages that are left out."""


def run_agent(settings: AgentSettings, options: RunOptions, *, interruption: Interruption | None = None) -> int:
    """Bring an agent's assets up to date for a range of days.

    Raises `RunFailedError`, and `MissingError` if something that the agent file names does not exist here.
    """
    warehouse, force, overrides = Warehouse(warehouse_root()), options.force, dict(options.overrides)
    days = chosen_days(settings, None if force else warehouse, first=options.first, last=options.last)
    groups = [*Group][: [*Group].index(options.until) + 1]
    chosen = [each for each in _chosen(options.stage, settings) if each.asset not in options.without]
    stages = tuple(each for each in chosen if each.group in groups)
    missing = list(missing_resources(settings, for_model=any(each.group is Group.MODEL for each in stages)))
    if missing:  # fail before anything starts, not hours later
        raise MissingError(*problem_lines(missing, path=settings.folder / AGENT_FILE, overrides=overrides))
    plan = make_plan(stages, settings, warehouse, days=days, force=force)
    _print_plan(plan, whole=options.dry_run)
    if options.dry_run or all(step.action is Action.REUSE for step in plan):
        return 0
    config = _run_config(settings, overrides, force=force)
    assets = {each.asset for each in stages} if options.stage or options.without else None

    with open_instance() as instance:
        from toolft_pipeline.cli.runs.days import run_days
        from toolft_pipeline.cli.runs.launch import Launcher
        from toolft_pipeline.cli.runs.long_training import launch_or_ask
        from toolft_pipeline.orchestration.runs.stale_runs import recover_from_dead_runs

        for run_id in recover_from_dead_runs(instance).ended:
            say(f"run {run_id[:8]}: its process was killed; the run is marked as ended")
        launcher = Launcher(
            instance=instance,
            settings=settings,
            config=config,
            assets=assets,
            interruption=interruption or Interruption(),
        )
        if any(step.action is not Action.REUSE for step in plan if step.stage.group is Group.SOURCES):
            launcher.launch(Group.SOURCES, None)
        stale = {step.partition for step in plan if step.action is not Action.REUSE and step.stage.group is Group.DATA}
        run_days(launcher, days=[day for day in days if day in stale], workers=options.workers)
        again = make_plan(stages, settings, warehouse, days=days, force=force)
        if any(step.action is not Action.REUSE for step in again if step.stage.group is Group.MODEL):
            unlimited = _run_config(settings, {**overrides, "training.max_hours": "null"}, force=force)
            launch = partial(launcher.launch, Group.MODEL, days[-1])
            launch_or_ask(launch, config=config, unlimited=unlimited)
    return 0


def _chosen(stage: str | None, settings: AgentSettings) -> tuple[Stage, ...]:
    every = stages_of(settings)
    stages = every if stage is None else with_downstream(stage, every)
    if not stages:
        raise UsageError(f"no stage {stage!r}; there are {', '.join(each.asset for each in every)}")
    return stages


def chosen_days(
    settings: AgentSettings, warehouse: Warehouse | None, *, first: str | None, last: str | None
) -> list[str]:
    """The days between `first` and `last` that have logs, or whose logs were removed after the warehouse read them.

    Without a warehouse only days with logs, because the others cannot be read again. Raises `UsageError` if there are
    none.
    """
    for day in (first, last):
        if day is not None and not DAY_NAME.fullmatch(day):
            raise UsageError(f"{day}: not a date; write it as YYYY-MM-DD")
    folder = settings.path(settings.logs.folder)
    if not folder.is_dir():
        raise UsageError(f"{folder}: the log folder does not exist; set logs.folder in the agent file")
    read_before = () if warehouse is None else _read_before(settings, warehouse)
    logged = log_days(settings.path(settings.logs.folder), first_day=settings.first_day)
    all_days = sorted({*logged, *(day for day in read_before if day >= settings.first_day)})
    days = [day for day in all_days if (first or day) <= day <= (last or day)]
    if not days:
        raise UsageError(
            f"{folder}: no logs between {first or settings.first_day} and {last or 'today'}; "
            "log files are named YYYY-MM-DD.jsonl"
        )
    return days


def _read_before(settings: AgentSettings, warehouse: Warehouse) -> Iterator[str]:
    """Days whose version of raw_trajectories has runs."""
    for day in warehouse.partitions(settings.name, "raw_trajectories"):
        version = warehouse.current(ArtifactKey(agent=settings.name, asset="raw_trajectories", partition=day))
        if version is not None and version.manifest.rows["runs"]:
            yield day


def _run_config(settings: AgentSettings, overrides: dict[str, str], *, force: bool) -> dict[str, Any]:
    from toolft_pipeline.orchestration.build import agent_resource, resource_key

    file = agent_resource(settings)
    return {
        "resources": {
            resource_key(settings.name): {"config": {"path": file.path, "overrides": overrides, "force": force}}
        },
        "loggers": {"console": {"config": {"log_level": "CRITICAL"}}},
    }


def _print_plan(plan: list[PlanStep], *, whole: bool) -> None:
    counts = Counter(step.action for step in plan)
    say(
        ", ".join(
            f"{counts[action]} to {action}" if action is not Action.UNKNOWN else f"{counts[action]} unknown yet"
            for action in Action
        )
    )
    for step in plan:
        if whole:
            say(f"  {step.action:8}{step.stage.asset:24}{step.partition or '':12}{step.reason}")
