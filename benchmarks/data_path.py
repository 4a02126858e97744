"""The data path's speed and memory: logs to canonical parquet, and the rules that need no sandbox.

Kinds of rows, all made of the help desk's committed logs: as they are (short: about 1.1 KB and 5 messages a row, every
eighth line broken on purpose); two of 4 KB and more: long conversations made of several of its runs (34 messages), and
wide ones of 10 messages whose tools answer at length; and offered: each run with the 44 tools of its request, as a
proxy in front of a model logs it (these for raw alone). With --logs also rows of a file of your own, for raw alone.
Each measurement is a process of its own on one core, ours and the comparator in turn, after a warm-up on a few rows;
quoted are medians of rows a second of CPU time and peak resident memory.

- raw: the stage as Dagster runs it (the log hashed, guarded reading, rejects with HMAC, zstd parquet, manifest,
  commit) against orjson decoding the same lines and keeping nothing.
- verified: `verify_day` on the raw day, without a sandbox: every rule, redaction too; `plain` leaves redaction out.
  Against json + jsonschema + pandas on the same lines: `naive` calls `jsonschema.validate` as its documentation does,
  `compiled` makes each tool's validator once.
- two cores: two days in two processes against the same two days in one.
- memory: peak of raw and verified on ten times the rows (not with --quick).

    python -m benchmarks.data_path [--quick] [--logs FILE] [--json]
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from pathlib import Path
from typing import Any
from unittest import mock

import orjson
import pyarrow as pa

from benchmarks.log_rows import (
    DAYS,
    WARM_DAYS,
    logging_agent,
    long_rows,
    offered_rows,
    rows_of,
    short_rows,
    wide_rows,
)
from toolft_pipeline.agent_file import load_agent
from toolft_pipeline.settings import AgentSettings
from toolft_pipeline.stages.raw_trajectories import STAGE
from toolft_pipeline.stages.spec.run_stage import run_stage
from toolft_pipeline.stages.spec.stage import artifact_key
from toolft_pipeline.surrogate_key import surrogate_key
from toolft_pipeline.verification.day import verify_day
from toolft_pipeline.verification.redaction.run import Redactor
from toolft_pipeline.verification.rules.rule_set import load_rules
from toolft_pipeline.warehouse.store import Warehouse

NAIVE_ROWS = 200
"""As many as the naive script is given at most: it takes milliseconds for each."""


Case = Callable[[AgentSettings, Path, str], int]
"""Does its work on a day of an agent's folder; returns the rows that it read."""


def main() -> None:
    """Measure, print a table, and with --json one line of figures."""
    parser = argparse.ArgumentParser(description="Speed and memory of raw_trajectories and verified_trajectories.")
    parser.add_argument("--quick", action="store_true", help="a few thousand rows, once")
    parser.add_argument("--logs", type=Path, metavar="FILE", help="also rows of this file, in OpenAI's format")
    parser.add_argument("--json", action="store_true", help="end with one line of figures")
    parser.add_argument("--case", nargs=3, metavar=("NAME", "FOLDER", "DAY"), help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.case:
        name, folder, day = asked.case
        print(json.dumps(_alone(CASES[name], Path(folder), day)))
        return
    rows, rounds = (2_000, 1) if asked.quick else (20_000, 3)
    figures: dict[str, float] = {}
    with tempfile.TemporaryDirectory() as scratch:
        raw_alone = {"offered": offered_rows} | ({"logs": rows_of(asked.logs)} if asked.logs else {})
        for kind, make in raw_alone.items():
            folder = logging_agent(Path(scratch) / kind, make, rows=rows, days=1)
            speed = _speeds(folder, ("orjson", "raw"), rounds=rounds)
            figures |= _named(kind, speed) | {f"{kind}_raw_to_orjson": speed["raw"] / speed["orjson"]}
            shutil.rmtree(folder)
        for kind, make in {"short": short_rows, "long": long_rows, "wide": wide_rows}.items():
            folder = logging_agent(Path(scratch) / kind, make, rows=rows)
            speed = _speeds(folder, tuple(CASES), rounds=rounds)
            figures |= _named(kind, speed) | {f"{kind}_{name}": value for name, value in _ratios(speed).items()}
            if kind == "short":
                figures["two_cores_to_one"] = statistics.median(_two_cores(folder) for _ in range(rounds))
        if not asked.quick:
            figures |= _memory(Path(scratch))
    for name, value in figures.items():
        print(f"{name:44} {value:12,.2f}")
    if asked.json:
        against = {"raw_to_orjson": 0.4, "plain_to_naive": 8.0, "with_redaction_rows_per_s": 3000, "two_cores": 1.7}
        print(json.dumps({"figures": figures, "against": against, "rows": rows}))


def _speeds(folder: Path, cases: Sequence[str], *, rounds: int) -> dict[str, float]:
    """Rows a second of each case: the median of some rounds in turn."""
    found: dict[str, list[float]] = {name: [] for name in cases}
    for _ in range(rounds):
        for name in cases:
            measured = _measured(name, folder, DAYS[0])
            found[name].append(measured["rows"] / measured["seconds"])
    return {name: statistics.median(values) for name, values in found.items()}


def _named(kind: str, speed: Mapping[str, float]) -> dict[str, float]:
    return {f"{kind}_{name}_rows_per_s": value for name, value in speed.items()}


def _ratios(speed: Mapping[str, float]) -> dict[str, float]:
    return {
        "raw_to_orjson": speed["raw"] / speed["orjson"],
        "verified_to_naive": speed["verified"] / speed["naive"],
        "plain_to_naive": speed["plain"] / speed["naive"],
        "plain_to_compiled": speed["plain"] / speed["compiled"],
    }


def _two_cores(folder: Path) -> float:
    """Wall time of two days one after another over that of both at once, raw and verified."""

    def day(number: int) -> None:
        for name in ("raw", "verified"):
            _measured(name, folder, DAYS[number], core=number)

    start = time.perf_counter()
    day(0)
    day(1)
    in_turn = time.perf_counter() - start
    start = time.perf_counter()
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(day, range(2)))
    return in_turn / (time.perf_counter() - start)


def _memory(scratch: Path) -> dict[str, float]:
    peaks = {}
    for rows in (100_000, 1_000_000):
        folder = logging_agent(scratch / f"rows_{rows}", short_rows, rows=rows, days=1)
        for name in ("raw", "verified"):
            peaks[f"{name}_{rows}_peak_mb"] = _measured(name, folder, DAYS[0])["peak_mb"]
        shutil.rmtree(folder)
    return peaks | {
        f"{name}_growth": peaks[f"{name}_1000000_peak_mb"] / peaks[f"{name}_100000_peak_mb"]
        for name in ("raw", "verified")
    }


def _measured(name: str, folder: Path, day: str, *, core: int = 0) -> dict[str, float]:
    """One case in a process of its own, on one core."""
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.data_path", "--case", name, str(folder), day],
        check=True,
        capture_output=True,
        text=True,
        env={**os.environ, "BENCH_CORE": str(core)},
    )
    found: dict[str, float] = json.loads(done.stdout.strip().splitlines()[-1])
    return found


def _alone(case: Case, folder: Path, day: str) -> dict[str, float]:
    cores = sorted(os.sched_getaffinity(0))
    core = int(os.environ["BENCH_CORE"])
    os.sched_setaffinity(0, {cores[core % len(cores)]})
    pa.set_cpu_count(1)
    pa.set_io_thread_count(1)
    settings = load_agent(folder / "agent.yaml")
    case(settings, folder, WARM_DAYS[core])
    start = time.process_time()
    rows = case(settings, folder, day)
    seconds = time.process_time() - start
    return {"rows": rows, "seconds": seconds, "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}


def _raw(settings: AgentSettings, folder: Path, day: str) -> int:
    made, _ = run_stage(STAGE, settings, day, _warehouse(folder), progress=lambda _: None, run_id=None, force=True)
    return made.manifest.rows["lines"]


def _verified(settings: AgentSettings, folder: Path, day: str) -> int:
    raw = _warehouse(folder).current(artifact_key(STAGE, settings, day))
    assert raw is not None, "raw is timed before verified"
    return verify_day(
        raw=raw.folder,
        rules=load_rules(catalog=folder / "catalog.json", settings=settings, key=surrogate_key()),
        settings=settings,
        day=day,
        out=_emptied(folder / f"verified-{day}"),
        progress=lambda _: None,
    ).trajectories


def _plain(settings: AgentSettings, folder: Path, day: str) -> int:
    """Verified, with a redactor that lets every run pass."""
    with mock.patch.object(Redactor, "run", lambda _, run: (run, Counter())):
        return _verified(settings, folder, day)


def _orjson(settings: AgentSettings, folder: Path, day: str) -> int:
    rows = 0
    for line in _log(settings, day).open("rb"):
        rows += 1
        try:
            orjson.loads(line)
        except orjson.JSONDecodeError:
            continue
    return rows


def _naive(settings: AgentSettings, folder: Path, day: str) -> int:
    """What a script of an afternoon does: read, validate every call, one table."""
    import jsonschema

    tools = json.loads((folder / "catalog.json").read_text())["tools"]
    schemas = {tool["name"]: tool["inputSchema"] for tool in tools}
    lines = islice(_log(settings, day).open(errors="replace"), NAIVE_ROWS)
    return _scripted(lines, folder, lambda name, arguments: jsonschema.validate(arguments, schemas[name]))


def _compiled(settings: AgentSettings, folder: Path, day: str) -> int:
    """The same script after its author has read on in the documentation."""
    import jsonschema

    tools = json.loads((folder / "catalog.json").read_text())["tools"]
    validators = {tool["name"]: jsonschema.Draft202012Validator(tool["inputSchema"]) for tool in tools}
    lines = _log(settings, day).open(errors="replace")
    return _scripted(lines, folder, lambda name, arguments: validators[name].validate(arguments))


def _scripted(lines: Iterable[str], folder: Path, validate: Callable[[str, Any], None]) -> int:
    import jsonschema
    import pandas as pd

    kept, rows = [], 0
    for line in lines:
        rows += 1
        try:
            row = json.loads(line)
            for message in row["messages"]:
                for call in message.get("tool_calls") or ():
                    validate(call["function"]["name"], json.loads(call["function"]["arguments"]))
        except (ValueError, KeyError, TypeError, AttributeError, jsonschema.ValidationError):
            continue
        if row["outcome"]["status"] == "success":
            kept.append({**row, "messages": json.dumps(row["messages"])})
    pd.DataFrame(kept).to_parquet(folder / "naive.parquet", compression="zstd")
    return rows


CASES: dict[str, Case] = {
    "orjson": _orjson,
    "raw": _raw,
    "naive": _naive,
    "compiled": _compiled,
    "verified": _verified,
    "plain": _plain,
}


def _log(settings: AgentSettings, day: str) -> Path:
    return settings.path(settings.logs.folder) / f"{day}.jsonl"


def _warehouse(folder: Path) -> Warehouse:
    return Warehouse(folder / "warehouse")


def _emptied(folder: Path) -> Path:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    return folder


if __name__ == "__main__":
    main()
