"""The check of the evaluation tasks as a version of its own: one per (tasks, catalog, backend).

Invariant: tasks that cannot be done count for no model of a report. They are left out before a sample is drawn, so
candidate and champion are asked the same tasks.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import msgspec

from toolft_pipeline.catalog.build import load_catalog
from toolft_pipeline.catalog.validator import CatalogValidator
from toolft_pipeline.evaluation.judge.task import Task, load_tasks
from toolft_pipeline.evaluation.tasks.check_tasks import ImpossibleTask, TaskChecks, check_tasks, with_reads
from toolft_pipeline.settings import AgentSettings
from toolft_pipeline.stages.spec import sources
from toolft_pipeline.stages.spec.artifact import Artifact
from toolft_pipeline.stages.spec.declared_settings import SANDBOX, SANDBOX_PROTOCOL
from toolft_pipeline.stages.spec.nested import nested_version
from toolft_pipeline.stages.spec.stage import BuildContext, StageError
from toolft_pipeline.warehouse.store import BuildOutput

IMPOSSIBLE_FILE = "impossible_tasks.json"
CHECKS_FILE = "task_checks.json"
_NAMED = 5

TASK_CHECK = Artifact(
    asset="task_check", code_version="3", settings=(*SANDBOX_PROTOCOL, "evaluation.max_turns"), placement=SANDBOX
)
"""Which tasks of the file cannot be done, and why; which of their planned calls only read."""


def read_tasks(settings: AgentSettings) -> list[Task]:
    """The tasks of the agent's file. Raises `TaskFileError`."""
    volatile = () if settings.sandbox is None else settings.sandbox.volatile
    return load_tasks(settings.path(settings.evaluation.tasks), volatile=volatile)


def checked_tasks(context: BuildContext) -> tuple[list[Task], list[ImpossibleTask]]:
    """The tasks that can be done, in file order and with their reads marked, and those that cannot.

    Raises `StageError` if none is left.
    """
    tasks = read_tasks(context.settings)
    checks = _checks(context, tasks)
    impossible = list(checks.impossible)
    excluded = {each.task_id for each in impossible}
    for each in impossible[:_NAMED]:
        context.progress(f"task {each.task_id} cannot be done and counts for no model: {each.reason}")
    if len(impossible) > _NAMED:
        command = f"toolft tasks check {context.settings.name}"
        context.progress(f"{len(impossible)} of {len(tasks)} tasks cannot be done; `{command}` lists them")
    left = [with_reads(task, checks.reads.get(task.task_id, ())) for task in tasks if task.task_id not in excluded]
    if tasks and not left:
        first = f"{impossible[0].task_id}: {impossible[0].reason}"
        raise StageError(
            f"none of the {len(tasks)} evaluation tasks can be done with today's catalog and backend ({first}); renew "
            f"{context.settings.path(context.settings.evaluation.tasks)}"
        )
    return left, impossible


def _checks(context: BuildContext, tasks: Sequence[Task]) -> TaskChecks:
    catalog = context.input("tool_catalog")

    def build(settings: AgentSettings, out: Path) -> BuildOutput:
        context.progress(f"checking {len(tasks)} tasks against the catalog and the backend")
        found = check_tasks(
            tasks,
            validator=CatalogValidator(load_catalog(catalog.folder)),
            sandbox=settings.sandbox,
            cwd=settings.folder,
            max_turns=settings.evaluation.max_turns,
        )
        (out / CHECKS_FILE).write_bytes(msgspec.json.encode(found))
        return BuildOutput(
            content=(CHECKS_FILE,),
            rows={"tasks": len(tasks), "impossible": len(found.impossible)},
            headline={"impossible": len(found.impossible)},
        )

    version = nested_version(
        context,
        TASK_CHECK,
        partition="tasks",
        inputs={
            "catalog": catalog.manifest.content_digest,
            **sources.agent_file(context.settings, context.settings.evaluation.tasks),
            **sources.sandbox(context.settings),
        },
        build=build,
    )
    return msgspec.json.decode(version.file(CHECKS_FILE).read_bytes(), type=TaskChecks)


def write_impossible(impossible: Sequence[ImpossibleTask], folder: Path) -> None:
    """Write the list as JSON, for people to read."""
    (folder / IMPOSSIBLE_FILE).write_bytes(msgspec.json.format(msgspec.json.encode(impossible), indent=1) + b"\n")
