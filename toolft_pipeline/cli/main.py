"""`toolft`: begin a project, look at logs, run an agent's pipeline, show what it made and from what, take a model back
out of service, clear away old versions, look over the installation.

Exit status: 0 done or nothing to do, 1 a stage failed or what it needs is missing (one line why), or `lint`, `lineage`
or `doctor` found something, 2 usage, or a file that `lint` could not read, 130 or 143 after Ctrl-C or SIGTERM.
"""

from __future__ import annotations

import argparse
import os
import shlex
import signal
import sys
from pathlib import Path

from toolft_pipeline.agent_file import (
    AGENT_FILE,
    MissingError,
    SettingsError,
    agent_files,
    agents_root,
    load_agent,
    warehouse_root,
)
from toolft_pipeline.assets.report_links import REPORTS_PORT
from toolft_pipeline.cli.interruption import Interruption, interruptible
from toolft_pipeline.cli.terminal import say
from toolft_pipeline.project import ProjectError
from toolft_pipeline.settings import AgentSettings
from toolft_pipeline.settings_checks.problem import nearest
from toolft_pipeline.trajectories.formats import READERS, SPAN_FORMATS
from toolft_pipeline.warehouse.store import Warehouse


class UsageError(ValueError):
    """The command line asks for something that does not exist; one line with the mend."""


def main(arguments: list[str] | None = None) -> None:
    """Entry point of the console script."""
    try:
        status = run(arguments)
        sys.stdout.flush()
    except BrokenPipeError:  # the reader has seen enough (`| head`); nothing may be written to it at exit either
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        status = 128 + signal.SIGPIPE
    sys.exit(status)


def run(arguments: list[str] | None = None) -> int:
    """Parse and carry out one command; returns the exit status."""
    words = sys.argv[1:] if arguments is None else arguments
    parsed = _parser().parse_args(words)
    with interruptible() as interruption:
        parsed.interruption = interruption
        return _carried_out(parsed, words, interruption)


def _carried_out(parsed: argparse.Namespace, words: list[str], interruption: Interruption) -> int:
    try:
        return int(parsed.command(parsed))
    except SettingsError as error:
        say(*(f"toolft: {line}" for line in error.lines), to=sys.stderr)
        return 1 if isinstance(error, MissingError) else 2
    except (UsageError, ProjectError) as error:
        say(f"toolft: {error}", to=sys.stderr)
        return 2
    except KeyboardInterrupt:
        again = shlex.join(["toolft", *words])
        say(f"toolft: {interruption.text}; what is done is kept, `{again}` goes on from there", to=sys.stderr)
        return interruption.status
    except Exception as error:
        if not type(error).__module__.startswith("toolft_pipeline."):
            raise
        say(f"toolft: {error}", to=sys.stderr)
        return 1


def find_agent(name: str, overrides: list[str]) -> tuple[AgentSettings, dict[str, str]]:
    """Settings of a named agent and the parsed `--set` overrides."""
    parsed = _overrides(overrides)
    path = agents_root() / name / AGENT_FILE
    files = agent_files(agents_root())
    if path not in files:
        found = [each.parent.name for each in files]
        mend = nearest(name, found) or (
            "" if found else "; `toolft init DIR` makes a project, TOOLFT_AGENTS names another"
        )
        raise UsageError(f"no agent {name!r} below {agents_root()}; found: {', '.join(found) or 'none'}{mend}")
    return load_agent(path, overrides=parsed), parsed


def _overrides(texts: list[str]) -> dict[str, str]:
    parsed = {}
    for text in texts:
        key, separator, value = text.partition("=")
        if not separator:
            raise UsageError(f"--set {text}: write it as key=value, for example training.epochs=2")
        parsed[key] = value
    return parsed


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="toolft", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    starting = commands.add_parser("init", help="write a new project folder, ready to run, with an agent to copy")
    starting.add_argument("folder", type=Path, metavar="DIR", help="a folder that does not exist yet, or is empty")
    starting.set_defaults(command=_init)

    _add_lint(commands)

    running = commands.add_parser("run", help="make what is missing or out of date, up to the champion")
    running.add_argument("agent")
    running.add_argument("--from", dest="first", metavar="DAY", help="first day of data (default: first day with logs)")
    running.add_argument(
        "--to", dest="last", metavar="DAY", help="last day, which the model is as of (default: newest)"
    )
    running.add_argument("--dry-run", action="store_true", help="print the plan with reasons and stop")
    running.add_argument(
        "--catalog", type=Path, metavar="FILE", help="with --dry-run: what this catalog would lose, keep and cost"
    )
    ends = running.add_mutually_exclusive_group()
    ends.add_argument("--data", action="store_true", help="stop before the model: days of data only")
    ends.add_argument("--sources", action="store_true", help="stop before the days: tool catalog and base model only")
    running.add_argument("--stage", metavar="STAGE", help="leave all alone but this stage and what is downstream of it")
    running.add_argument("--force", action="store_true", help="build again even what is up to date")
    running.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="override one setting")
    running.add_argument(
        "--workers", type=_count, default=1, metavar="N", help="days of data made side by side, a process each (1)"
    )
    running.set_defaults(command=_run)

    showing = commands.add_parser("show", help="the version in force of one asset")
    showing.add_argument("agent")
    showing.add_argument("asset")
    showing.add_argument("--partition", metavar="DAY", help="default: the newest")
    showing.add_argument("--json", action="store_true", help="the whole manifest")
    showing.set_defaults(command=_show)

    explaining = commands.add_parser(
        "explain", help="one run: its log line, every rule's answer, what is trained on it"
    )
    explaining.add_argument("agent")
    explaining.add_argument("trajectory", metavar="TRAJECTORY", help="its id in the logs")
    explaining.add_argument(
        "--prompts", action="store_true", help="the prompt that a server builds at each turn, whole"
    )
    explaining.add_argument("--json", action="store_true", help="one JSON object, prompts included")
    explaining.set_defaults(command=_explain)

    _add_overview(commands)

    back = commands.add_parser("rollback", help="put the model back in service that served before")
    back.add_argument("agent")
    back.add_argument(
        "--to", metavar="VERSION", help="an as-of day, or the beginning of a content digest (default: the one before)"
    )
    back.set_defaults(command=_rollback)

    tracing = commands.add_parser(
        "lineage", help="what a model came from, every digest verified; 1 where one is wrong or missing"
    )
    tracing.add_argument(
        "model", metavar="MODEL_OR_AGENT", help="an agent, a version's folder, or the beginning of a content digest"
    )
    tracing.add_argument(
        "--partition", metavar="DAY", help="of an agent: the model as of that day, not that in service"
    )
    tracing.add_argument("--rows", action="store_true", help="each run that was trained on, with its log file and line")
    tracing.add_argument("--json", action="store_true", help="one JSON object, rows included")
    tracing.set_defaults(command=_lineage)

    pruning = commands.add_parser("prune", help="take away what `retention` in the agent file lets go")
    pruning.add_argument("agent")
    pruning.add_argument("--dry-run", action="store_true", help="print what would go, and how many bytes")
    pruning.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="override one setting")
    pruning.set_defaults(command=_prune)

    doctor = commands.add_parser("doctor", help="look over this installation; 1 where something is broken")
    doctor.set_defaults(command=_doctor)
    return parser


def _add_overview(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    looking = commands.add_parser(
        "overview", help="how every agent stands: verdict, served model, what waits, what is red"
    )
    looking.set_defaults(command=_overview)

    serving = commands.add_parser("reports", help="serve the HTML reports on this machine, for the links of the UI")
    serving.add_argument("--port", type=_count, default=REPORTS_PORT, metavar="N", help=f"default: {REPORTS_PORT}")
    serving.set_defaults(command=_reports)


def _add_lint(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    linting = commands.add_parser("lint", help="what would be kept of log files, and what lost and why; 1 on findings")
    linting.add_argument("files", nargs="+", type=Path, metavar="FILE", help="log files, or folders of them")
    linting.add_argument("--format", choices=["auto", *READERS, *SPAN_FORMATS], help="default: what the lines show")
    linting.add_argument("--catalog", type=Path, metavar="FILE", help="today's tools: calls are validated against them")
    linting.add_argument("--renames", type=Path, metavar="FILE", help="old tool names, as in renames.yaml")
    linting.add_argument(
        "--set", action="append", default=[], metavar="KEY=VALUE", help="one setting of verification, logs or chat"
    )
    linting.add_argument("--json", action="store_true", help="one JSON object")
    linting.set_defaults(command=_lint)


def _count(text: str) -> int:
    number = int(text)
    if number < 1:
        raise ValueError(text)
    return number


def _init(parsed: argparse.Namespace) -> int:
    from toolft_pipeline.cli.init import InitError, make_project

    try:
        return make_project(parsed.folder)
    except InitError as error:
        raise UsageError(str(error)) from error


def _lint(parsed: argparse.Namespace) -> int:
    from toolft_pipeline.cli.lint import lint_files

    return lint_files(
        parsed.files,
        format_=parsed.format,
        catalog=parsed.catalog,
        renames=parsed.renames,
        overrides=_overrides(parsed.set),
        json_=parsed.json,
    )


def _run(parsed: argparse.Namespace) -> int:
    from toolft_pipeline.assets.stage import Group
    from toolft_pipeline.cli.run import run_agent

    settings, overrides = find_agent(parsed.agent, parsed.set)
    if parsed.catalog is not None:
        if not parsed.dry_run:
            raise UsageError("--catalog is for --dry-run; to put a catalog in force, change the agent's own")
        from toolft_pipeline.cli.forecast import print_forecast
        from toolft_pipeline.cli.run import chosen_days

        days = chosen_days(settings, Warehouse(warehouse_root()), first=parsed.first, last=parsed.last)
        print_forecast(settings, catalog=parsed.catalog, days=days)
        return 0
    return run_agent(
        settings,
        overrides=overrides,
        first=parsed.first,
        last=parsed.last,
        dry_run=parsed.dry_run,
        force=parsed.force,
        until=Group.SOURCES if parsed.sources else Group.DATA if parsed.data else Group.MODEL,
        workers=parsed.workers,
        stage=parsed.stage,
        interruption=parsed.interruption,
    )


def _show(parsed: argparse.Namespace) -> int:
    from toolft_pipeline.cli.show import show_asset

    settings, _ = find_agent(parsed.agent, [])
    return show_asset(settings, parsed.asset, partition=parsed.partition, as_json=parsed.json)


def _explain(parsed: argparse.Namespace) -> int:
    from toolft_pipeline.cli.explain import explain_run

    settings, _ = find_agent(parsed.agent, [])
    return explain_run(settings, parsed.trajectory, prompts=parsed.prompts, as_json=parsed.json)


def _overview(_parsed: argparse.Namespace) -> int:
    from toolft_pipeline.cli.overview import print_overview

    return print_overview()


def _reports(parsed: argparse.Namespace) -> int:
    from toolft_pipeline.cli.reports import serve_reports

    return serve_reports(port=parsed.port)


def _rollback(parsed: argparse.Namespace) -> int:
    from toolft_pipeline.cli.rollback import rollback_agent

    settings, _ = find_agent(parsed.agent, [])
    return rollback_agent(settings, to=parsed.to)


def _lineage(parsed: argparse.Namespace) -> int:
    from toolft_pipeline.cli.lineage import print_lineage

    return print_lineage(parsed.model, partition=parsed.partition, rows=parsed.rows, as_json=parsed.json)


def _prune(parsed: argparse.Namespace) -> int:
    from toolft_pipeline.cli.prune import prune_agent

    settings, _ = find_agent(parsed.agent, parsed.set)
    return prune_agent(settings, dry_run=parsed.dry_run)


def _doctor(_parsed: argparse.Namespace) -> int:
    from toolft_pipeline.cli.doctor import print_diagnosis

    return print_diagnosis()
