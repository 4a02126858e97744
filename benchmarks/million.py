"""A million runs through the whole data path, by the commands that a user types: does it finish, how long, how large?

The logs come from the help desk's log writer, every eighth line broken on purpose; there is no sandbox, so nothing is
replayed. All stages of the data run a day each, two days side by side: raw, verified (redaction too), signatures, chat
rows and token tensors with all four proofs, readiness. Then the training set is selected over the whole window.

    export PYTHONPATH=data/helpdesk/backend
    python -m helpdesk.make_data --in-process --out A --days 80 --runs-per-day 12500 --tasks 0
    python -m benchmarks.million --logs A/logs [--scratch FOLDER] [--workers 2] [--json]

The logs take some 50 minutes of one core; `--seed` and `--first-day` let two processes write halves. It is no part of
`make bench`.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import yaml

from toolft_pipeline.warehouse.manifest import ArtifactKey, Manifest
from toolft_pipeline.warehouse.store import Warehouse

DATA = Path(__file__).resolve().parent.parent / "data" / "helpdesk"
AGENT = "million"
DAYS_OF_DATA = ("raw_trajectories", "verified_trajectories", "run_signatures", "chat_rows", "token_tensors")


def main() -> None:
    """Run, print a table, and with --json one line of figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--logs", type=Path, required=True, help="a folder of YYYY-MM-DD.jsonl")
    parser.add_argument("--scratch", type=Path, help="where the warehouse is made; 60 GB should be free")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--json", action="store_true", help="end with one line of figures")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=asked.scratch) as scratch:
        figures = _run(Path(scratch), logs=asked.logs.resolve(), workers=asked.workers)
    for name, value in figures.items():
        print(f"{name:36} {value:16,.1f}")
    if asked.json:
        print(json.dumps({"figures": figures, "against": {}, "rows": figures["lines"]}))


def _run(scratch: Path, *, logs: Path, workers: int) -> dict[str, float]:
    days = sorted(path.stem for path in logs.glob("*.jsonl"))
    _agent(scratch / "agents" / AGENT, logs=logs, days=days)
    (scratch / "home").mkdir()
    env = {
        **os.environ,
        "TOOLFT_AGENTS": str(scratch / "agents"),
        "TOOLFT_WAREHOUSE": str(scratch / "warehouse"),
        "DAGSTER_HOME": str(scratch / "home"),
    }
    toolft = [sys.executable, "-m", "toolft_pipeline.cli"]
    began = time.monotonic()
    subprocess.run([*toolft, "run", AGENT, "--data", "--workers", str(workers)], check=True, env=env)
    data = time.monotonic() - began
    began = time.monotonic()
    subprocess.run([sys.executable, "-c", _SELECT, AGENT, days[-1]], check=True, env=env)
    figures = {
        "data_wall_s": data,
        "training_set_wall_s": time.monotonic() - began,
        "peak_mb_of_a_process": resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024,
    }
    warehouse = Warehouse(scratch / "warehouse")
    rows = [_manifest(warehouse, "raw_trajectories", day).rows for day in days]
    for name in ("lines", "trajectories", "rejects"):
        figures[name] = sum(row[name] for row in rows)
    for asset in DAYS_OF_DATA:
        figures[f"{asset}_process_s"] = sum(_manifest(warehouse, asset, day).duration_s for day in days)
    selected = _manifest(warehouse, "training_set", days[-1]).rows
    figures |= {"accepted": selected["runs"], "train": selected["train"], "validation": selected["validation"]}
    used = sum(path.stat().st_size for path in (scratch / "warehouse").rglob("*") if path.is_file())
    return figures | {"runs_per_s": figures["lines"] / data, "warehouse_gb": used / 1e9}


_SELECT = """
import sys
import dagster as dg
from toolft_pipeline.stages.spec.stage import Group
from toolft_pipeline.orchestration.jobs import job_name
from toolft_pipeline.definitions import defs
agent, day = sys.argv[1:]
only = {dg.AssetKey([agent, "training_set"])}
job = defs.resolve_job_def(job_name(agent, Group.MODEL)).get_subset(asset_selection=only)
with dg.DagsterInstance.get() as instance:
    job.execute_in_process(instance=instance, partition_key=day)
"""


def _manifest(warehouse: Warehouse, asset: str, day: str) -> Manifest:
    version = warehouse.current(ArtifactKey(agent=AGENT, asset=asset, partition=day))
    if version is None:
        raise SystemExit(f"{asset} of {day} was not made")
    return version.manifest


def _agent(folder: Path, *, logs: Path, days: list[str]) -> None:
    """An agent like the help desk, with these logs and nothing to replay on."""
    document: dict[str, Any] = yaml.safe_load((DATA / "agent.yaml").read_text())
    document.pop("sandbox")
    document["evaluation"] = {}
    document["first_day"], document["window_days"] = days[0], len(days)
    document["logs"] = {"folder": str(logs)}
    document["verification"] = {**document.get("verification", {}), "require_replay": False}
    folder.mkdir(parents=True)
    (folder / "agent.yaml").write_text(yaml.safe_dump(document))
    shutil.copy(DATA / "catalog.json", folder)


if __name__ == "__main__":
    main()
