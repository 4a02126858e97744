"""How many evaluation tasks are solved by copying logged runs: what retrieval alone achieves, by level.

Two copiers work on every task of an agent. The new one (`benchmarks.copier`) acts on the real sandbox step by step and
is judged like a model, answers too; its calls alone are a row of their own. The old one plans every call from the
wording, and only its calls are judged. Tasks are hard if the new copier passes at most 40 % of the headline.

    python -m benchmarks.difficulty [--agent data/helpdesk] [--sample] [--quick] [--json]

`--sample` takes the tasks that an evaluation takes (`evaluation.max_tasks`), for the copier's column beside a model's.
"""

from __future__ import annotations

import argparse
import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.copier import runs as copied_runs
from benchmarks.copier.copier import Choices, Copier
from benchmarks.copier.rollouts import Copied, copy_task
from benchmarks.old_copier import OldCopier, logged_runs
from toolft_pipeline.agent_file import AGENT_FILE, load_agent
from toolft_pipeline.catalog.build import load_catalog
from toolft_pipeline.catalog.tool import Catalog
from toolft_pipeline.catalog.validator import CatalogValidator
from toolft_pipeline.evaluation.judge.calls import canonical_call
from toolft_pipeline.evaluation.judge.level import Level
from toolft_pipeline.evaluation.judge.task import Task, load_tasks
from toolft_pipeline.evaluation.scoring.intervals import Rate
from toolft_pipeline.evaluation.scoring.levels import headline, success
from toolft_pipeline.evaluation.scoring.run_tasks import answer_rules
from toolft_pipeline.evaluation.scoring.task_sampling import asked_tasks
from toolft_pipeline.sandbox.kinds import open_sandbox
from toolft_pipeline.sandbox.protocol import Sandbox
from toolft_pipeline.sandbox.state import state_digest
from toolft_pipeline.settings import AgentSettings

HELPDESK = Path(__file__).resolve().parent.parent / "data" / "helpdesk"
LIMIT = 0.4
"""The most of the headline that a copier may pass if the tasks are to be hard."""

Passed = dict[str, bool]
"""Outcomes by task."""


def choices_of(catalog: Catalog) -> Choices:
    """The enumerations of every tool's arguments."""
    found: dict[tuple[str, str], Sequence[str]] = {}
    for tool in catalog.openai_tools():
        function = tool["function"]
        for name, schema in (function.get("parameters") or {}).get("properties", {}).items():
            allowed = schema.get("enum") or (schema.get("items") or {}).get("enum")
            if allowed:
                found[function["name"], name] = [str(each) for each in allowed]
    return found


def new_copier(tasks: Sequence[Task], settings: AgentSettings, *, share: float = 1.0) -> list[Copied]:
    """Every task done by the copier on the agent's sandbox."""
    catalog = load_catalog(settings.path(settings.catalog.file or "catalog.json"))
    validator = CatalogValidator(catalog)
    rules = answer_rules(settings, validator)
    runs = copied_runs.logged_runs(settings.path(settings.logs.folder), share=share)
    copier = Copier(runs, choices=choices_of(catalog))
    assert settings.sandbox is not None
    with open_sandbox(settings.sandbox, cwd=settings.folder) as sandbox:
        return [
            copy_task(copier, task, sandbox=sandbox, validator=validator,
                      extra_calls=settings.evaluation.extra_calls, rules=rules)
            for task in tasks
        ]  # fmt: skip


def old_copier(tasks: Sequence[Task], settings: AgentSettings, *, share: float = 1.0) -> Passed:
    """Whether the old copier's calls are the planned ones and end in the expected state, by task."""
    copier = OldCopier(logged_runs(settings.path(settings.logs.folder), share=share))
    assert settings.sandbox is not None
    with open_sandbox(settings.sandbox, cwd=settings.folder) as sandbox:
        return {task.task_id: passes(task, copier.plan(task.user_turns), sandbox=sandbox) for task in tasks}


def passes(task: Task, calls: Sequence[tuple[str, dict[str, Any]]], *, sandbox: Sandbox) -> bool:
    """The judge's conditions for a plan without a model: required calls made, no others, expected state."""
    sandbox.reset(task.state_ref)
    made = Counter(
        canonical_call(name, arguments) for name, arguments in calls if not sandbox.call(name, arguments).is_error
    )
    planned = Counter(call.as_call for call in task.plan if not call.fails)
    return made == planned and state_digest(sandbox.snapshot()) == task.expected_state


def rates(passed: Passed, tasks: Sequence[Task]) -> dict[str, Rate]:
    """The headline where there are levels, the tasks that count for it, and each level."""
    known = {task.task_id: task for task in tasks}
    outcomes = list(passed.items())
    found = {"headline": headline(outcomes, known)}
    found["tasks"] = success([each for each in outcomes if known[each[0]].is_headline], known)
    for level in Level:
        part = [each for each in outcomes if known[each[0]].level is level]
        found[level.value] = success(part, known) if part else None
    return {name: rate for name, rate in found.items() if rate is not None}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="How far copiers get on the held-out tasks.")
    parser.add_argument("--agent", type=Path, default=HELPDESK, help="folder of the agent")
    parser.add_argument("--sample", action="store_true", help="the tasks that an evaluation takes")
    parser.add_argument("--quick", action="store_true", help="every fourth task")
    parser.add_argument("--json", action="store_true", help="end with one line of figures")
    asked = parser.parse_args()
    settings = load_agent(asked.agent / AGENT_FILE)
    tasks = load_tasks(settings.path(settings.evaluation.tasks))
    if asked.sample:
        limits = settings.evaluation
        tasks = asked_tasks(tasks, limits.max_tasks, new_tool_tasks=limits.catalog_tasks)
    tasks = tasks[:: 4 if asked.quick else 1]
    copied = new_copier(tasks, settings)
    columns = {
        "copier": rates({each.task.task_id: each.passed for each in copied}, tasks),
        "copier_calls": rates({each.task.task_id: each.calls_right for each in copied}, tasks),
        "old_copier_calls": rates(old_copier(tasks, settings), tasks),
    }
    print(f"{'':16}" + "".join(f"{name:>26}" for name in columns))
    for name in columns["copier"]:
        cells = (
            f"{rate.value:.1%} ({rate.low:.1%}-{rate.high:.1%})" for rate in (each[name] for each in columns.values())
        )
        print(f"{name:16}" + "".join(f"{cell:>26}" for cell in cells))
    print(f"{len(tasks)} tasks; hard if the copier passes at most {LIMIT:.0%} of the headline")
    if asked.json:
        figures = {f"{column}_{name}": rate.value for column, found in columns.items() for name, rate in found.items()}
        print(json.dumps({"figures": figures, "against": {"limit": LIMIT}, "rows": len(tasks)}))


if __name__ == "__main__":
    main()
