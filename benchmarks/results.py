"""Every benchmark in turn, and RESULTS.md rewritten: figure, what it is held against, command, machine, date.

Pages of benchmarks that were not asked for stay, and of one that found nothing to compare with.

python -m benchmarks.results [--quick] [NAME ...]
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

NAMES = (
    "data_path",
    "near_duplicates",
    "mutants",
    "judge",
    "difficulty",
    "gate_nights",
    "rendering",
    "training",
    "preflight",
    "gpu",
    "evaluation",
    "serving",
    "backfill",
    "bfcl",
)
RESULTS = Path(__file__).resolve().parent / "RESULTS.md"


def main() -> None:
    """Run and write. A benchmark that fails is named in the page and in the exit status."""
    parser = argparse.ArgumentParser(description="All benchmarks, and the page of their results.")
    parser.add_argument("names", nargs="*", default=NAMES, metavar="NAME", help=f"of {', '.join(NAMES)}")
    parser.add_argument("--quick", action="store_true", help="each one's quick form")
    asked = parser.parse_args()
    for name in asked.names:
        if name not in NAMES:
            parser.error(f"no benchmark {name!r}; there are {', '.join(NAMES)}")
    measured = {name: _page(name, quick=asked.quick) for name in asked.names}
    pages = _written() | {name: page for name, page in measured.items() if page}
    RESULTS.write_text("\n\n".join([_HEAD, *(pages[name] for name in NAMES if name in pages)]) + "\n", encoding="utf-8")
    sys.exit(any("**failed**" in page for page in measured.values()))


_HEAD = """# Results

Written by `make bench`. Ratios hold on one machine in one run; a busy machine moves the rest by a third and more."""


def _written() -> dict[str, str]:
    """The pages that stand in RESULTS.md, by name."""
    text = RESULTS.read_text(encoding="utf-8") if RESULTS.is_file() else ""
    pages = [page.strip() for page in f"\n{text}".split("\n## ")[1:]]
    return {page.partition("\n")[0]: f"## {page}" for page in pages}


def _page(name: str, *, quick: bool) -> str:
    """A benchmark's page; "" where it measured nothing."""
    command = f"python -m benchmarks.{name}{' --quick' if quick else ''} --json"
    print(command, flush=True)
    started = time.monotonic()
    done = subprocess.run([sys.executable, *command.split()[1:]], capture_output=True, text=True, check=False)
    took = time.monotonic() - started
    title = f"## {name}\n\n`{command}`, {took:.0f} s, {_machine()}, {datetime.now(UTC):%Y-%m-%d}"
    if done.returncode:
        return f"{title}: **failed**\n\n    {(done.stderr.strip().splitlines() or ['no word of it'])[-1]}"
    found: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
    if not found["figures"]:
        print(done.stdout.strip().splitlines()[0])
        return ""
    rows = [f"| {figure} | {_shown(value)} |" for figure, value in found["figures"].items()]
    against = ", ".join(f"{key} {_shown(value)}" for key, value in found["against"].items())
    return "\n".join(
        [
            f"{title}, {found['rows']:,} rows; held against: {against or 'nothing'}",
            "",
            "| figure | value |",
            "| --- | ---: |",
            *rows,
        ]
    )


def _shown(value: object) -> str:
    return (
        f"{value:,.4g}"
        if isinstance(value, float) and abs(value) < 1000
        else f"{value:,.0f}"
        if isinstance(value, (int, float))
        else str(value)
    )


def _machine() -> str:
    cores = len(os.sched_getaffinity(0))
    return f"{cores} cores of {_processor()}, {platform.system()}, Python {platform.python_version()}"


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    names = [line.split(":", 1)[1].strip() for line in info.read_text().splitlines() if line.startswith("model name")]
    return names[0] if names else platform.machine()


if __name__ == "__main__":
    main()
