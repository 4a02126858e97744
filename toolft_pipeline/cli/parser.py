"""The parser of `toolft`: commands, arguments and help.

argparse and not click: the parser has the same length in both, and click takes 25 ms to import, argparse 3 ms.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from toolft_pipeline.cli import commands
from toolft_pipeline.ingest.formats import AUTO, FORMATS
from toolft_pipeline.settings.serving import EngineName
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
    running.add_argument("--to", dest="last", metavar="DAY", help="last day, as-of day of the model (default: newest)")
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

    _add_preflight(subparsers)

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
    explaining.add_argument(
        "trajectory", metavar="TRAJECTORY", help="the run's id in the logs, or replay/ID, decline/ID"
    )
    explaining.add_argument("--prompts", action="store_true", help="print the full prompt of each turn")
    explaining.add_argument("--json", action="store_true", help="one JSON object with the prompts")
    explaining.set_defaults(command=commands.explain_command)

    _add_tasks(subparsers)

    _add_agent(subparsers)

    _add_overview(subparsers)

    _add_models(subparsers)

    _add_compare_bases(subparsers)

    _add_serve(subparsers)

    pruning = subparsers.add_parser("prune", help="delete what `retention` in the agent file does not keep")
    pruning.add_argument("agent")
    pruning.add_argument("--dry-run", action="store_true", help="print what would be deleted, and how many bytes")
    pruning.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="override one setting")
    pruning.set_defaults(command=commands.prune_command)

    doctor = subparsers.add_parser(
        "doctor", help="diagnose this installation, start and time the backends; exit status 1 if something is broken"
    )
    doctor.set_defaults(command=commands.doctor_command)
    return parser


def _add_preflight(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    sizing = subparsers.add_parser(
        "preflight",
        help="compute the memory of training from the base model's config and the settings, without loading weights; "
        "exit status 1 if a length does not fit",
    )
    sizing.add_argument("agent")
    sizing.add_argument(
        "--gpu", type=_gigabytes, nargs="+", default=[], metavar="GB", help="memory of a GPU (default: this machine)"
    )
    sizing.add_argument(
        "--length", type=_count, nargs="+", default=[], metavar="N",
        help="tokens of a packed row (default: training.packed_length, and chat.max_length for the longest row)",
    )  # fmt: skip
    sizing.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="override one setting")
    sizing.add_argument("--json", action="store_true", help="one JSON object")
    sizing.set_defaults(command=commands.preflight_command)


def _add_tasks(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    tasks = subparsers.add_parser("tasks", help="check the evaluation tasks, or make some from runs or plans")
    actions = tasks.add_subparsers(required=True, metavar="ACTION")

    checking = actions.add_parser(
        "check", help="which tasks today's catalog and backend make impossible; exit status 1 if there are any"
    )
    checking.add_argument("agent")
    checking.add_argument("--json", action="store_true", help="one JSON object")
    checking.set_defaults(command=commands.check_tasks_command)

    making = actions.add_parser("from-runs", help="write a new file of tasks made from verified runs that replay")
    making.add_argument("agent")
    making.add_argument("--count", type=_count, default=100, metavar="N", help="tasks to make, at most (100)")
    making.add_argument("--golden", action="store_true", help="from golden runs instead of logged ones")
    making.add_argument("--from", dest="first", metavar="DAY", help="first verified day (default: all)")
    making.add_argument("--to", dest="last", metavar="DAY", help="last verified day")
    making.add_argument("--out", type=Path, metavar="FILE", help="default: tasks.from_runs.jsonl beside the tasks")
    making.set_defaults(command=commands.make_tasks_command)

    planning = actions.add_parser("from-plans", help="write a new file of tasks from plans, executed on the backend")
    planning.add_argument("agent")
    planning.add_argument("plans", type=Path, metavar="FILE", help="JSONL: states, user turns, calls, answers")
    planning.add_argument("--out", type=Path, metavar="FILE", help="default: tasks.from_plans.jsonl beside the tasks")
    planning.set_defaults(command=commands.execute_plans_command)

    for each in (checking, making, planning):
        each.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="override one setting")


def _add_agent(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    acting = subparsers.add_parser(
        "agent",
        help="let the served model do a task on the agent's backend; exit status 1 if it ends without an answer",
    )
    acting.add_argument("agent")
    acting.add_argument("task", nargs="+", metavar="TASK", help="what the user says; more texts are later turns")
    acting.add_argument(
        "--url", help="an OpenAI-compatible server, with /v1 (default: start one for the model in service)"
    )
    acting.add_argument("--model", help="the model's name at the server (default: the agent's name)")
    acting.add_argument("--key-from", metavar="VARIABLE", help="environment variable that holds the server's key")
    acting.add_argument("--state", metavar="REF", help="reset the backend to this state (default: the first task's)")
    acting.add_argument("--system", metavar="TEXT", help="system prompt (default: the first task's)")
    acting.add_argument("--mcp", metavar="COMMAND_OR_URL", help="act on this MCP server instead of the sandbox")
    acting.add_argument(
        "--hide-error", action="store_true", help="ask a faulty turn again without showing the model its error"
    )
    acting.add_argument("--json", action="store_true", help="one JSON object")
    acting.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="override one setting")
    acting.set_defaults(command=commands.agent_command)

    checking = subparsers.add_parser(
        "check-agent",
        help="play a scripted conversation through your own agent or proxy and compare its prompts with training's; "
        "exit status 1 if they differ",
    )
    checking.add_argument("agent")
    checking.add_argument(
        "url", nargs="?", help="a proxy, with /v1, whose upstream is the scripted model (default: wait for an agent)"
    )
    checking.add_argument(
        "--port", type=int, default=8200, metavar="N", help="port of the scripted model and tools (8200)"
    )
    checking.add_argument("--model", default="scripted", help="the model's name at the proxy (scripted)")
    checking.add_argument("--key-from", metavar="VARIABLE", help="environment variable that holds the proxy's key")
    checking.add_argument("--system", metavar="TEXT", help="system prompt of training (default: the first task's)")
    checking.add_argument("--json", action="store_true", help="one JSON object")
    checking.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="override one setting")
    checking.set_defaults(command=commands.check_agent_command)


def _add_models(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    back = subparsers.add_parser("rollback", help="put an earlier model back in service")
    back.add_argument("agent")
    back.add_argument(
        "--to", metavar="VERSION", help="an as-of day, or a prefix of a content digest (default: the model before)"
    )
    back.set_defaults(command=commands.rollback_command)

    exporting = subparsers.add_parser("export", help="write a model as another server reads it; docs/serving.md")
    exporting.add_argument("agent")
    exporting.add_argument("--for", dest="server", required=True, choices=[each.value for each in EngineName])
    exporting.add_argument("--out", type=Path, required=True, metavar="DIR", help="a folder that does not exist yet")
    exporting.add_argument("--version", metavar="DAY", help="the model as of that day (default: the one in service)")
    exporting.add_argument(
        "--type", default="BF16", choices=["F32", "F16", "BF16", "Q8_0"], help="llama_cpp: type of the weights (BF16)"
    )
    exporting.set_defaults(command=commands.export_command)

    lines = subparsers.add_parser(
        "export-training", help="write the fine-tuning file that a hosted job is given; docs/managed_training.md"
    )
    lines.add_argument("agent")
    lines.add_argument("--day", metavar="DAY", help="last day of the window (default: the newest training set)")
    lines.add_argument("--out", type=Path, required=True, metavar="DIR", help="a folder for the two files")
    lines.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="override one setting")
    lines.set_defaults(command=commands.export_training_command)

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


def _add_compare_bases(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    comparing = subparsers.add_parser(
        "compare-bases",
        help="train and evaluate several base models on the same runs and tasks, and print one table; exit status 1 if "
        "a base failed",
    )
    comparing.add_argument("agent")
    comparing.add_argument(
        "--base",
        action="append",
        required=True,
        metavar="BASE[:FORMAT]",
        help="a base-model package, a folder or a hub id, and its chat format (default: the agent's); once for each",
    )
    comparing.add_argument("--to", dest="last", metavar="DAY", help="last day of the window (default: newest)")
    comparing.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="override one setting")
    comparing.add_argument("--dry-run", action="store_true", help="print the plan of each base and stop")
    comparing.add_argument("--json", type=Path, metavar="FILE", help="also write the figures to this file")
    comparing.set_defaults(command=commands.compare_bases_command)


def _add_serve(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    serving = subparsers.add_parser("serve", help="serve the model in service as OpenAI chat completions")
    serving.add_argument("agent")
    serving.add_argument(
        "--version", metavar="VERSION", help="an as-of day, or `candidate` for the newest model (default: in service)"
    )
    serving.add_argument("--host", help="address to listen on (serving.host); beyond loopback it needs keys")
    serving.add_argument("--port", type=int, metavar="N", help="port (serving.port); 0 takes a free one")
    serving.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="override one setting")
    serving.set_defaults(command=commands.serve_command)


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


def _gigabytes(text: str) -> float:
    size = float(text)
    if not 0 < size < 1e6:
        raise ValueError(text)
    return size


def _count(text: str) -> int:
    number = int(text)
    if number < 1:
        raise ValueError(text)
    return number
