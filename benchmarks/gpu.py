"""One script for any CUDA machine, of at most 8 minutes: what training, merging and decoding a 4B model give there.

The base has the shape of Gemma 3 4B's language model and random weights, so nothing is downloaded. It is trained as the
pipeline does it (NF4, LoRA on all seven projections, packed rows of 2,048 and 4,096 tokens) and, beside that, by TRL's
own trainer with the same adapter and packing; then merged with all checks, and decoded. Each step is a process of its
own. Peak memory stands beside preflight's estimate.

    python -m benchmarks.gpu [--quick] [--json]

Without a CUDA device nothing is measured; `--quick` then runs a tiny shape on the CPU, so that the script is tested,
and says so.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    pass
from benchmarks.gpu_steps import GEMMA_3_4B, STEPS, TINY, Shape, bench_rows

MINUTES = 8.0


def main() -> None:
    """Measure, print a line a step, and with --json one line of figures."""
    import torch

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="a tiny shape, on the CPU where there is no CUDA device")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--step", help=argparse.SUPPRESS)
    parser.add_argument("--place", type=Path, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    shape = TINY if asked.quick else GEMMA_3_4B
    if asked.step:
        name, _, length = asked.step.partition(" ")
        print(json.dumps(STEPS[name](asked.place, shape, int(length or 0))))
        return
    cuda = torch.cuda.is_available()
    figures: dict[str, float] = {}
    if not cuda and not asked.quick:
        print("not measured: no CUDA device here; --quick runs a tiny shape on the CPU")
    else:
        device = torch.cuda.get_device_name() if cuda else "the CPU (no CUDA device here)"
        print(f"{shape.name}, random weights, on {device}", flush=True)
        figures = _measure(shape, quick=asked.quick)
    if asked.json:
        against = {name: value for name, value in figures.items() if name.startswith("trl")}
        ours = {name: value for name, value in figures.items() if name not in against}
        print(json.dumps({"figures": ours, "against": against, "rows": len(bench_rows(shape, shape.packs[0]))}))


def _measure(shape: Shape, *, quick: bool) -> dict[str, float]:
    """Every step in turn, none begun that the 8 minutes have no room for; the tiny shape has all the time it needs."""
    began, figures = time.monotonic(), {}
    short, long = shape.packs
    with tempfile.TemporaryDirectory() as place:
        for step in ("base", f"ours {short}", f"ours {long}", f"trl {short}", "merge", "decode"):
            left = None if quick else max(1.0, MINUTES * 60 - (time.monotonic() - began))
            command = [sys.executable, "-m", "benchmarks.gpu", "--step", step, "--place", place]
            try:
                done = subprocess.run(
                    [*command, *(["--quick"] if quick else [])],
                    capture_output=True,
                    text=True,
                    check=False,
                    timeout=left,
                )
            except subprocess.TimeoutExpired:
                print(f"{step}: no time left of {MINUTES:g} minutes", flush=True)
                break
            if done.returncode:
                raise SystemExit(f"{step}: {(done.stderr.strip().splitlines() or ['no word of it'])[-1]}")
            found: dict[str, float] = json.loads(done.stdout.strip().splitlines()[-1])
            print(f"{step:10}", *(f"{name} {value:<9g}" for name, value in found.items()), flush=True)
            figures |= {f"{step.replace(' ', '_')}_{name}": value for name, value in found.items()}
    return figures


if __name__ == "__main__":
    main()
