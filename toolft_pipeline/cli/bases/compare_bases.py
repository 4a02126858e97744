"""`toolft compare-bases`: train and evaluate several bases on the same runs and the same tasks.

Invariant: every base has the agent's settings but for the base and its chat format, and the rows that the first one
drew: a budget of tokens would give a base with another tokenizer other rows. A base that fails does not stop the
others; versions that are up to date are used again, so a comparison that was stopped goes on.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from toolft_pipeline.agent_file import AGENT_FILE, MissingError, load_agent, problem_lines
from toolft_pipeline.cli.bases.base_choice import BaseChoice
from toolft_pipeline.cli.bases.base_result import BaseResult, read_result
from toolft_pipeline.cli.bases.base_table import base_table
from toolft_pipeline.cli.bases.scratch_project import scratch_project
from toolft_pipeline.cli.runs.terminal import say, visible
from toolft_pipeline.errors import FixableError, UsageError
from toolft_pipeline.settings import AgentSettings
from toolft_pipeline.settings_checks.external_resources import missing_resources
from toolft_pipeline.warehouse.store import Warehouse

CHAMPION = "champion"
"""The stage that no base runs: nothing is promoted."""

RunBase = Callable[[AgentSettings, dict[str, str]], str]
"""Runs an agent with overrides up to its report, or prints the plan; returns the as-of day."""


@dataclass(frozen=True, kw_only=True)
class CompareOptions:
    """The options of `toolft compare-bases`."""

    bases: Sequence[BaseChoice]
    overrides: Mapping[str, str]
    """Settings of every base, by dotted key."""
    dry_run: bool
    json_file: Path | None


def compare_bases(settings: AgentSettings, options: CompareOptions, *, run: RunBase) -> int:
    """Run every base, print the table; returns 1 if a base failed.

    Raises `MissingError` before anything starts if a base or another resource is not on this machine.
    """
    if settings.managed is not None:
        raise UsageError(f"{settings.name}: a host trains its models (`managed`); compare bases that are trained here")
    path = settings.folder / AGENT_FILE
    _check_resources(path, options)
    results: list[BaseResult] = []
    with scratch_project() as root:
        for base in options.bases:
            say(f"{base.name} ({base.chat_format})")
            drawn = next((len(each.rows) for each in results if each.failure is None), None)
            overrides = _with_the_same_rows(base.overrides(options.overrides), settings, drawn=drawn)
            try:
                day = run(load_agent(path, overrides=overrides), overrides)
                if not options.dry_run:
                    results.append(read_result(base, Warehouse(root), agent=settings.name, day=day))
            except FixableError as error:
                say(f"{base.name} failed: {error}")
                results.append(BaseResult(base=base, failure=str(error)))
    if not options.dry_run:
        print(visible(base_table(results)), flush=True)
    if options.json_file is not None and not options.dry_run:
        document = {"agent": settings.name, "bases": [each.as_json for each in results]}
        options.json_file.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
    return int(any(each.failure is not None for each in results))


def _check_resources(path: Path, options: CompareOptions) -> None:
    """Everything that any base needs here, before hours of training."""
    lines: dict[str, None] = {}
    for base in options.bases:
        overrides = base.overrides(options.overrides)
        problems = missing_resources(load_agent(path, overrides=overrides), for_model=True)
        lines |= dict.fromkeys(problem_lines(problems, path=path, overrides=overrides))
    if lines:
        raise MissingError(*lines)


def _with_the_same_rows(overrides: dict[str, str], settings: AgentSettings, *, drawn: int | None) -> dict[str, str]:
    """As many rows as an earlier base drew, in place of the budget of tokens, where there is one."""
    if drawn is None or settings.training.token_budget is None or "training.row_budget" in overrides:
        return overrides
    return {**overrides, "training.token_budget": "null", "training.row_budget": str(drawn)}
