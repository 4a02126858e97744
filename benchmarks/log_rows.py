"""The log lines that the data path is timed on, made of the help desk's committed logs, and the agent they are for."""

from __future__ import annotations

import json
import random
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import orjson
import yaml

from toolft_pipeline.ingest.parsing.log_lines import read_lines
from toolft_pipeline.surrogate_key import surrogate_key

DATA = Path(__file__).resolve().parent.parent / "data" / "helpdesk"
DAYS = ("2026-10-01", "2026-10-02")
WARM_DAYS = ("2026-09-29", "2026-09-30")
"""One for each core."""
WARM_ROWS = 50
LONG_BYTES = 4000
WIDE_MESSAGES = 10


def logging_agent(folder: Path, make: Callable[[int], Iterator[bytes]], *, rows: int, days: int = 2) -> Path:
    """An agent like the help desk, with logs of so many rows a day and nothing to replay on."""
    document: dict[str, Any] = yaml.safe_load((DATA / "agent.yaml").read_text())
    document.pop("sandbox")
    document["logs"].pop("golden")
    document["verification"] = {**document.get("verification", {}), "require_replay": False}
    (folder / "logs").mkdir(parents=True)
    (folder / "agent.yaml").write_text(yaml.safe_dump(document))
    shutil.copy(DATA / "catalog.json", folder)
    for day, wanted in [*((day, WARM_ROWS) for day in WARM_DAYS), *((day, rows) for day in DAYS[:days])]:
        with (folder / "logs" / f"{day}.jsonl").open("wb") as log:
            log.writelines(line + b"\n" for line in make(wanted))
    return folder


def short_rows(rows: int) -> Iterator[bytes]:
    """The committed lines again and again, each under an id of its own."""
    lines = [
        line for path in sorted((DATA / "logs").glob("????-??-??.jsonl")) for line in path.read_bytes().splitlines()
    ]
    for number in range(rows):
        yield lines[number % len(lines)].replace(b'"id":"run-', b'"id":"%d-' % number, 1)


def long_rows(rows: int) -> Iterator[bytes]:
    """Runs of the logs strung together until a row has 4 KB."""
    runs, draw = _good_runs(), random.Random(0)
    for number in range(rows):
        messages: list[Any] = []
        while len(line := orjson.dumps({**runs[0], "id": f"run-{number}", "messages": messages})) < LONG_BYTES:
            messages.extend(draw.choice(runs)["messages"])
        yield line


def wide_rows(rows: int) -> Iterator[bytes]:
    """Runs strung together until a row has 10 messages, their results lengthened by other results until it has 4 KB."""
    runs, draw = [run for run in _good_runs() if any(map(_is_result, run["messages"]))], random.Random(0)
    texts = [message["content"] for run in runs for message in run["messages"] if _is_result(message)]
    for number in range(rows):
        messages: list[Any] = []
        while len(messages) < WIDE_MESSAGES:
            messages.extend(dict(message) for message in draw.choice(runs)["messages"])
        results = [message for message in messages if _is_result(message)]
        while len(line := orjson.dumps({**runs[0], "id": f"run-{number}", "messages": messages})) < LONG_BYTES:
            for result in results:
                result["content"] += "\n" + draw.choice(texts)
        yield line


def _is_result(message: dict[str, Any]) -> bool:
    return bool(message["role"] == "tool")


def _good_runs() -> list[dict[str, Any]]:
    """The committed runs that ended well."""
    runs: list[dict[str, Any]] = []
    for path in sorted((DATA / "logs").glob("????-??-??.jsonl")):
        for line in path.read_bytes().splitlines():
            try:
                runs.append(orjson.loads(line))
            except orjson.JSONDecodeError:
                continue
    return [run for run in runs if run.get("outcome", {}).get("status") == "success" and run.get("messages")]


def offered_rows(rows: int) -> Iterator[bytes]:
    """The runs that ended well, each with all 44 tools as the request carried them: what a proxy logs."""
    runs = _good_runs()
    listed = json.loads((DATA / "catalog.json").read_text())["tools"]
    tools = [
        {
            "type": "function",
            "function": {
                "name": tool["name"],
                "description": tool["description"],
                "parameters": tool["inputSchema"],
            },
        }
        for tool in listed
    ]
    for number in range(rows):
        run = {**runs[number % len(runs)], "id": f"run-{number}", "tools": tools}
        run.pop("tools_ref", None)
        yield orjson.dumps(run)


def rows_of(logs: Path) -> Callable[[int], Iterator[bytes]]:
    """The lines of logs of your own again and again, each under an id of its own."""
    lines = [line.data for line in read_lines(logs, max_line_bytes=1 << 24, key=surrogate_key())]

    def make(rows: int) -> Iterator[bytes]:
        runs = [orjson.loads(line) for line in lines]
        for number in range(rows):
            yield orjson.dumps({**runs[number % len(runs)], "id": f"run-{number}"})

    return make
