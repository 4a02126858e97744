"""The data path's speed and memory: logs to canonical parquet, and the rules that need no sandbox.

Two kinds of rows: the help desk's committed logs as they are (about 1.1 KB and 5 messages a row, every eighth line
broken on purpose), and conversations of 4 KB and more made of several of its runs. Each measurement is a process of its
own on one core, ours and the comparator in turn; quoted are medians of rows a second of CPU time and peak resident
memory.

- raw: `read_day` (guarded reading, rejects with HMAC, zstd parquet) against orjson decoding the same lines and keeping
  nothing.
- verified: `verify_day` on the raw day, without a sandbox, against json + jsonschema + pandas on the same lines.
- two cores: two days in two processes against the same two days in one.
- memory: peak of raw and verified on ten times the rows (not with --quick).

    python -m benchmarks.data_path [--quick] [--json]
"""

from __future__ import annotations

import argparse
import json
import os
import random
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import orjson
import pyarrow as pa

from toolft_pipeline.agent_file import load_agent
from toolft_pipeline.settings import AgentSettings
from toolft_pipeline.trajectories.day import read_day
from toolft_pipeline.verification.day import verify_day

DATA = Path(__file__).resolve().parent.parent / "data" / "helpdesk"
DAYS = ("2026-10-01", "2026-10-02")
LONG_BYTES = 4000


def main() -> None:
    """Measure, print a table, and with --json one line of figures."""
    parser = argparse.ArgumentParser(description="Speed and memory of raw_trajectories and verified_trajectories.")
    parser.add_argument("--quick", action="store_true", help="a few thousand rows, once")
    parser.add_argument("--json", action="store_true", help="end with one line of figures")
    parser.add_argument("--case", nargs=3, metavar=("NAME", "FOLDER", "DAY"), help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.case:
        name, folder, day = asked.case
        print(json.dumps(_alone(CASES[name], Path(folder), day)))
        return
    rows, rounds = (4_000, 1) if asked.quick else (20_000, 3)
    figures: dict[str, float] = {}
    with tempfile.TemporaryDirectory() as scratch:
        for kind, make in (("short", _short_rows), ("long", _long_rows)):
            folder = _agent(Path(scratch) / kind, make, rows=rows)
            figures |= {f"{kind}_{name}": value for name, value in _speeds(folder, rows=rows, rounds=rounds).items()}
        if not asked.quick:
            figures |= _memory(Path(scratch))
    for name, value in figures.items():
        print(f"{name:44} {value:12,.2f}")
    if asked.json:
        against = {"raw_to_orjson": 0.4, "verified_to_naive": 8.0, "with_redaction_rows_per_s": 3000, "two_cores": 1.7}
        print(json.dumps({"figures": figures, "against": against, "rows": rows}))


def _speeds(folder: Path, *, rows: int, rounds: int) -> dict[str, float]:
    found: dict[str, list[float]] = {name: [] for name in CASES}
    both = []
    for _ in range(rounds):
        for name in CASES:
            found[name].append(rows / _measured(name, folder, DAYS[0])["seconds"])
        both.append(_two_cores(folder))
    speed = {name: statistics.median(values) for name, values in found.items()}
    return {f"{name}_rows_per_s": value for name, value in speed.items()} | {
        "raw_to_orjson": speed["raw"] / speed["orjson"],
        "verified_to_naive": speed["verified"] / speed["naive"],
        "two_cores_to_one": statistics.median(both),
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
        folder = _agent(scratch / str(rows), _short_rows, rows=rows, days=1)
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


def _alone(case: Callable[[AgentSettings, Path, str], None], folder: Path, day: str) -> dict[str, float]:
    cores = sorted(os.sched_getaffinity(0))
    os.sched_setaffinity(0, {cores[int(os.environ["BENCH_CORE"]) % len(cores)]})
    pa.set_cpu_count(1)
    pa.set_io_thread_count(1)
    settings = load_agent(folder / "agent.yaml")
    start = time.process_time()
    case(settings, folder, day)
    seconds = time.process_time() - start
    return {"seconds": seconds, "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}


def _raw(settings: AgentSettings, folder: Path, day: str) -> None:
    read_day(settings, day=day, out=_emptied(folder / f"raw-{day}"))


def _verified(settings: AgentSettings, folder: Path, day: str) -> None:
    verify_day(
        raw=folder / f"raw-{day}",
        catalog=folder / "catalog.json",
        settings=settings,
        day=day,
        out=_emptied(folder / f"verified-{day}"),
        progress=lambda _: None,
    )


def _orjson(settings: AgentSettings, folder: Path, day: str) -> None:
    for line in _log(settings, day).open("rb"):
        try:
            orjson.loads(line)
        except orjson.JSONDecodeError:
            continue


def _naive(settings: AgentSettings, folder: Path, day: str) -> None:
    """What a script of an afternoon does: read, validate every call, one table."""
    import jsonschema
    import pandas as pd

    tools = json.loads((folder / "catalog.json").read_text())["tools"]
    schemas = {tool["name"]: jsonschema.Draft202012Validator(tool["inputSchema"]) for tool in tools}
    kept = []
    for line in _log(settings, day).open(errors="replace"):
        try:
            row = json.loads(line)
            for message in row["messages"]:
                for call in message.get("tool_calls") or ():
                    schemas[call["function"]["name"]].validate(json.loads(call["function"]["arguments"]))
        except (ValueError, KeyError, TypeError, AttributeError, jsonschema.ValidationError):
            continue
        if row["outcome"]["status"] == "success":
            kept.append({**row, "messages": json.dumps(row["messages"])})
    pd.DataFrame(kept).to_parquet(folder / f"naive-{day}.parquet", compression="zstd")


CASES: dict[str, Callable[[AgentSettings, Path, str], None]] = {
    "orjson": _orjson,
    "raw": _raw,
    "naive": _naive,
    "verified": _verified,
}


def _log(settings: AgentSettings, day: str) -> Path:
    return settings.path(settings.logs.folder) / f"{day}.jsonl"


def _emptied(folder: Path) -> Path:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    return folder


def _agent(folder: Path, make: Callable[[int], Iterator[bytes]], *, rows: int, days: int = 2) -> Path:
    """An agent like the help desk, with logs of so many rows a day and nothing to replay on."""
    import yaml

    document: dict[str, Any] = yaml.safe_load((DATA / "agent.yaml").read_text())
    document.pop("sandbox")
    document["logs"].pop("golden")
    document["verification"] = {**document.get("verification", {}), "require_replay": False}
    (folder / "logs").mkdir(parents=True)
    (folder / "agent.yaml").write_text(yaml.safe_dump(document))
    shutil.copy(DATA / "catalog.json", folder)
    for day in DAYS[:days]:
        with (folder / "logs" / f"{day}.jsonl").open("wb") as log:
            log.writelines(line + b"\n" for line in make(rows))
    return folder


def _short_rows(rows: int) -> Iterator[bytes]:
    """The committed lines again and again, each under an id of its own."""
    lines = [line for path in sorted((DATA / "logs").iterdir()) for line in path.read_bytes().splitlines()]
    for number in range(rows):
        yield lines[number % len(lines)].replace(b'"id":"run-', b'"id":"%d-' % number, 1)


def _long_rows(rows: int) -> Iterator[bytes]:
    """Runs of the logs strung together until a row has 4 KB."""
    runs = []
    for path in sorted((DATA / "logs").iterdir()):
        for line in path.read_bytes().splitlines():
            try:
                runs.append(orjson.loads(line))
            except orjson.JSONDecodeError:
                continue
    runs = [run for run in runs if run.get("outcome", {}).get("status") == "success" and run.get("messages")]
    draw = random.Random(0)
    for number in range(rows):
        messages: list[Any] = []
        while len(line := orjson.dumps({**runs[0], "id": f"run-{number}", "messages": messages})) < LONG_BYTES:
            messages.extend(draw.choice(runs)["messages"])
        yield line


if __name__ == "__main__":
    main()
