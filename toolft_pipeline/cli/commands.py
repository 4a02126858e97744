"""The commands of `toolft`: each passes its parsed arguments to one function.

The module of a command is imported when the command is called, so that it loads only what it needs.
"""

from __future__ import annotations

import argparse
import os

from toolft_pipeline.agent_file import AGENT_FILE, agent_files, agents_root, load_agent, warehouse_root
from toolft_pipeline.errors import UsageError
from toolft_pipeline.settings import AgentSettings
from toolft_pipeline.settings_checks.problem import did_you_mean
from toolft_pipeline.warehouse.store import Warehouse


def find_agent(name: str, overrides: list[str]) -> tuple[AgentSettings, dict[str, str]]:
    """Settings of a named agent and the parsed `--set` overrides."""
    parsed = parse_overrides(overrides)
    path = agents_root() / name / AGENT_FILE
    files = agent_files(agents_root())
    if path not in files:
        names = [each.parent.name for each in files]
        hint = did_you_mean(name, names) or (
            "" if names else "; `toolft init DIR` creates a project, TOOLFT_AGENTS is the folder of agents"
        )
        raise UsageError(f"no agent {name!r} below {agents_root()}; found: {', '.join(names) or 'none'}{hint}")
    return load_agent(path, overrides=parsed), parsed


def parse_overrides(texts: list[str]) -> dict[str, str]:
    parsed = {}
    for text in texts:
        key, separator, value = text.partition("=")
        if not separator:
            raise UsageError(f"--set {text}: write it as key=value, for example training.epochs=2")
        parsed[key] = value
    return parsed


def init_command(parsed: argparse.Namespace) -> int:
    from toolft_pipeline.cli.init import InitError, make_project

    try:
        return make_project(parsed.folder)
    except InitError as error:
        raise UsageError(str(error)) from error


def lint_command(parsed: argparse.Namespace) -> int:
    from toolft_pipeline.cli.lint import lint_files

    return lint_files(
        parsed.files,
        format_=parsed.format,
        catalog=parsed.catalog,
        renames=parsed.renames,
        overrides=parse_overrides(parsed.set),
        json_=parsed.json,
    )


def run_command(parsed: argparse.Namespace) -> int:
    from toolft_pipeline.cli.run import RunOptions, run_agent
    from toolft_pipeline.stages.spec.stage import Group

    settings, overrides = find_agent(parsed.agent, parsed.set)
    if parsed.catalog is not None:
        if not parsed.dry_run:
            raise UsageError("--catalog needs --dry-run; to change the catalog in force, edit the agent's own")
        from toolft_pipeline.cli.impact_analysis import print_impact
        from toolft_pipeline.cli.run import chosen_days

        days = chosen_days(settings, Warehouse(warehouse_root()), first=parsed.first, last=parsed.last)
        print_impact(settings, catalog=parsed.catalog, days=days)
        return 0
    options = RunOptions(
        overrides=overrides,
        first=parsed.first,
        last=parsed.last,
        dry_run=parsed.dry_run,
        force=parsed.force,
        until=Group.SOURCES if parsed.sources else Group.DATA if parsed.data else Group.MODEL,
        workers=parsed.workers,
        stage=parsed.stage,
    )
    return run_agent(settings, options, interruption=parsed.interruption)


def preflight_command(parsed: argparse.Namespace) -> int:
    from toolft_pipeline.cli.runs.memory_preflight import print_preflight

    settings, _ = find_agent(parsed.agent, parsed.set)
    return print_preflight(settings, gpus=parsed.gpu, lengths=parsed.length, as_json=parsed.json)


def show_command(parsed: argparse.Namespace) -> int:
    from toolft_pipeline.cli.show import show_asset

    settings, _ = find_agent(parsed.agent, [])
    return show_asset(settings, parsed.asset, partition=parsed.partition, as_json=parsed.json)


def explain_command(parsed: argparse.Namespace) -> int:
    from toolft_pipeline.cli.explain import explain_run

    settings, _ = find_agent(parsed.agent, [])
    return explain_run(settings, parsed.trajectory, prompts=parsed.prompts, as_json=parsed.json)


def check_tasks_command(parsed: argparse.Namespace) -> int:
    from toolft_pipeline.cli.tasks import check_tasks

    settings, _ = find_agent(parsed.agent, parsed.set)
    return check_tasks(settings, as_json=parsed.json)


def make_tasks_command(parsed: argparse.Namespace) -> int:
    from toolft_pipeline.cli.tasks import make_tasks

    settings, _ = find_agent(parsed.agent, parsed.set)
    return make_tasks(
        settings, count=parsed.count, golden=parsed.golden, first=parsed.first, last=parsed.last, out=parsed.out
    )


def execute_plans_command(parsed: argparse.Namespace) -> int:
    from toolft_pipeline.cli.tasks import execute_plans

    settings, _ = find_agent(parsed.agent, parsed.set)
    return execute_plans(settings, plans=parsed.plans, out=parsed.out)


def agent_command(parsed: argparse.Namespace) -> int:
    from toolft_pipeline.cli.agent.agent_task import AgentOptions, run_agent_task

    settings, _ = find_agent(parsed.agent, parsed.set)
    options = AgentOptions(
        url=parsed.url,
        model=parsed.model,
        key=_key_from(parsed.key_from),
        state_ref=parsed.state,
        system_prompt=parsed.system,
        mcp=parsed.mcp,
        overrides=tuple(parsed.set),
        show_error=not parsed.hide_error,
        as_json=parsed.json,
    )
    return run_agent_task(settings, parsed.task, options)


def check_agent_command(parsed: argparse.Namespace) -> int:
    from toolft_pipeline.cli.agent.check_agent import CheckOptions, check_agent

    settings, _ = find_agent(parsed.agent, parsed.set)
    options = CheckOptions(
        url=parsed.url,
        port=parsed.port,
        model=parsed.model,
        key=_key_from(parsed.key_from),
        system_prompt=parsed.system,
        as_json=parsed.json,
    )
    return check_agent(settings, options)


def _key_from(variable: str | None) -> str:
    """The key in an environment variable; any text where none is named."""
    key = "none" if variable is None else os.environ.get(variable)
    if not key:
        raise UsageError(f"--key-from: the environment variable {variable} is not set")
    return key


def compare_bases_command(parsed: argparse.Namespace) -> int:
    from toolft_pipeline.cli.bases.base_choice import parse_bases
    from toolft_pipeline.cli.bases.compare_bases import CHAMPION, CompareOptions, compare_bases
    from toolft_pipeline.cli.run import RunOptions, chosen_days, run_agent

    settings, overrides = find_agent(parsed.agent, parsed.set)
    bases = parse_bases(parsed.base, default_format=settings.chat.format)
    options = CompareOptions(bases=bases, overrides=overrides, dry_run=parsed.dry_run, json_file=parsed.json)

    def run_base(of_base: AgentSettings, overrides: dict[str, str]) -> str:
        run = RunOptions(
            overrides=overrides,
            first=None,
            last=parsed.last,
            dry_run=parsed.dry_run,
            force=False,
            without=frozenset({CHAMPION}),
        )
        run_agent(of_base, run, interruption=parsed.interruption)
        return chosen_days(of_base, Warehouse(warehouse_root()), first=None, last=parsed.last)[-1]

    return compare_bases(settings, options, run=run_base)


def overview_command(_parsed: argparse.Namespace) -> int:
    from toolft_pipeline.cli.overview import print_overview

    return print_overview()


def reports_command(parsed: argparse.Namespace) -> int:
    from toolft_pipeline.cli.reports import serve_reports

    return serve_reports(port=parsed.port)


def rollback_command(parsed: argparse.Namespace) -> int:
    from toolft_pipeline.cli.rollback import rollback_agent

    settings, _ = find_agent(parsed.agent, [])
    return rollback_agent(settings, to=parsed.to)


def export_training_command(parsed: argparse.Namespace) -> int:
    from toolft_pipeline.cli.output.export_training import export_training

    settings, _ = find_agent(parsed.agent, parsed.set)
    return export_training(settings, day=parsed.day, out=parsed.out)


def export_command(parsed: argparse.Namespace) -> int:
    from toolft_pipeline.cli.output.export import export_model_of

    settings, _ = find_agent(parsed.agent, [])
    return export_model_of(settings, server=parsed.server, day=parsed.version, quantization=parsed.type, out=parsed.out)


def serve_command(parsed: argparse.Namespace) -> int:
    from toolft_pipeline.cli.serve import serve_agent
    from toolft_pipeline.cli.serving_alerts import alert_by_channels
    from toolft_pipeline.serving.routing.find_model import ModelNotServableError
    from toolft_pipeline.serving.server.server_parts import open_server_parts
    from toolft_pipeline.surrogate_key import surrogate_key

    given = {"serving.host": parsed.host, "serving.port": parsed.port}
    overrides = [f"{key}={value}" for key, value in given.items() if value is not None]
    settings, _ = find_agent(parsed.agent, [*parsed.set, *overrides])
    try:
        parts = open_server_parts(
            settings,
            Warehouse(warehouse_root()),
            key=surrogate_key(),
            version=parsed.version,
            notify=alert_by_channels(settings),
        )
        return serve_agent(parts, interruption=parsed.interruption)
    except ModelNotServableError as error:
        raise UsageError(str(error)) from error


def lineage_command(parsed: argparse.Namespace) -> int:
    from toolft_pipeline.cli.lineage import print_lineage

    return print_lineage(parsed.model, partition=parsed.partition, rows=parsed.rows, as_json=parsed.json)


def prune_command(parsed: argparse.Namespace) -> int:
    from toolft_pipeline.cli.prune import prune_agent

    settings, _ = find_agent(parsed.agent, parsed.set)
    return prune_agent(settings, dry_run=parsed.dry_run)


def doctor_command(_parsed: argparse.Namespace) -> int:
    from toolft_pipeline.cli.doctor import print_diagnosis

    return print_diagnosis()
