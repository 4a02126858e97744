"""The parser of `toolft`: commands, arguments and help.

argparse and not click: the parser has the same length in both, and click takes 25 ms to import, argparse 3 ms.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from toolft_pipeline.cli import commands
from toolft_pipeline.ingest.formats import AUTO, FORMATS
from toolft_pipeline.stages.presentation.report_links import REPORTS_PORT


def make_parser(description: str | None) -> argparse.ArgumentParser:
    """The parser of all commands; parsed arguments have the function to call as `command`."""
    parser = argparse.ArgumentParser(prog="toolft", description=description)
    subparsers = parser.add_subparsers(required=True, metavar="COMMAND")

    starting = subparsers.add_parser("init", help="write a new project folder, ready to run, with an agent to copy")
    starting.add_argument("folder", type=Path, metavar="DIR", help="a folder that does not exist yet, or is empty")
    starting.set_defaults(command=commands.init_command)

    _add_lint(subparsers)

    running = subparsers.add_parser("run", help="make all versions that are missing or out of date, up to the champion")
    running.add_argument("agent")
    running.add_argument("--from", dest="first", metavar="DAY", help="first day of data (default: first day with logs)")
    running.add_argument(
        "--to", dest="last", metavar="DAY", help="last day, the as-of day of the model (default: newest)"
    )
    running.add_argument("--dry-run", action="store_true", help="print the plan with reasons and stop")
    running.add_argument(
        "--catalog", type=Path, metavar="FILE", help="with --dry-run: the impact of this catalog on runs and versions"
    )
    ends = running.add_mutually_exclusive_group()
    ends.add_argument("--data", action="store_true", help="make only the days of data")
    ends.add_argument("--sources", action="store_true", help="make only the tool catalog and the base model")
    running.add_argument("--stage", metavar="STAGE", help="make only this stage and those downstream of it")
    running.add_argument("--force", action="store_true", help="rebuild versions that are up to date too")
    running.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="override one setting")
    running.add_argument(
        "--workers", type=_count, default=1, metavar="N", help="days of data made in parallel, one process each (1)"
    )
    running.set_defaults(command=commands.run_command)

    showing = subparsers.add_parser("show", help="show the version in force of an asset")
    showing.add_argument("agent")
    showing.add_argument("asset")
    showing.add_argument("--partition", metavar="DAY", help="default: the newest")
    showing.add_argument("--json", action="store_true", help="print the manifest")
    showing.set_defaults(command=commands.show_command)

    explaining = subparsers.add_parser(
        "explain", help="explain one run: its log line, every rule's result, its training rows"
    )
    explaining.add_argument("agent")
    explaining.add_argument("trajectory", metavar="TRAJECTORY", help="the run's id in the logs")
    explaining.add_argument("--prompts", action="store_true", help="print the full prompt of each turn")
    explaining.add_argument("--json", action="store_true", help="one JSON object with the prompts")
    explaining.set_defaults(command=commands.explain_command)

    _add_overview(subparsers)

    _add_models(subparsers)

    pruning = subparsers.add_parser("prune", help="delete what `retention` in the agent file does not keep")
    pruning.add_argument("agent")
    pruning.add_argument("--dry-run", action="store_true", help="print what would be deleted, and how many bytes")
    pruning.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="override one setting")
    pruning.set_defaults(command=commands.prune_command)

    doctor = subparsers.add_parser("doctor", help="diagnose this installation; exit status 1 if something is broken")
    doctor.set_defaults(command=commands.doctor_command)
    return parser


def _add_models(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    back = subparsers.add_parser("rollback", help="put an earlier model back in service")
    back.add_argument("agent")
    back.add_argument(
        "--to", metavar="VERSION", help="an as-of day, or a prefix of a content digest (default: the model before)"
    )
    back.set_defaults(command=commands.rollback_command)

    tracing = subparsers.add_parser(
        "lineage",
        help="what a model was made from; verifies all digests, exit status 1 if one is wrong or missing",
    )
    tracing.add_argument(
        "model", metavar="MODEL_OR_AGENT", help="an agent, a version's folder, or a prefix of a content digest"
    )
    tracing.add_argument(
        "--partition", metavar="DAY", help="of an agent: the model as of that day instead of the one in service"
    )
    tracing.add_argument("--rows", action="store_true", help="list the training runs with log file and line")
    tracing.add_argument("--json", action="store_true", help="one JSON object with the rows")
    tracing.set_defaults(command=commands.lineage_command)


def _add_overview(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    looking = subparsers.add_parser(
        "overview", help="the status of every agent: verdict, model in service, what waits, what failed"
    )
    looking.set_defaults(command=commands.overview_command)

    serving = subparsers.add_parser("reports", help="serve the HTML reports for the links of the UI")
    serving.add_argument("--port", type=_count, default=REPORTS_PORT, metavar="N", help=f"default: {REPORTS_PORT}")
    serving.set_defaults(command=commands.reports_command)


def _add_lint(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    linting = subparsers.add_parser(
        "lint", help="what would be kept of log files, and what rejected and why; exit status 1 if anything is"
    )
    linting.add_argument("files", nargs="+", type=Path, metavar="FILE", help="log files, or folders of them")
    linting.add_argument("--format", choices=[AUTO, *FORMATS], help="default: detected from the lines")
    linting.add_argument("--catalog", type=Path, metavar="FILE", help="the current tools, to validate calls")
    linting.add_argument("--renames", type=Path, metavar="FILE", help="old tool names, as in renames.yaml")
    linting.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="override a setting of verification, logs or chat",
    )
    linting.add_argument("--json", action="store_true", help="one JSON object")
    linting.set_defaults(command=commands.lint_command)


def _count(text: str) -> int:
    number = int(text)
    if number < 1:
        raise ValueError(text)
    return number
