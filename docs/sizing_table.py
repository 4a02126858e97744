"""Write the table of docs/sizing.md that says which models train on which GPU, as `toolft preflight` computes it.

python -m docs.sizing_table [--check]
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import warnings
from pathlib import Path
from typing import Literal

from toolft_pipeline.compute_type import ComputeType
from toolft_pipeline.settings import TrainingSettings
from toolft_pipeline.training.preflight.model_shape import read_shape
from toolft_pipeline.training.preflight.sizing import SizedRun
from toolft_pipeline_tests.training.hub_configs import CONFIGS

PAGE = Path(__file__).parent / "sizing.md"
BEGIN, END = "<!-- computed by python -m docs.sizing_table -->", "<!-- end of the computed table -->"

MODELS = {
    "gemma-3-4b": "Gemma 3 4B",
    "gemma-4-e4b": "Gemma 4 E4B",
    "qwen3-4b": "Qwen3 4B",
    "llama-3.1-8b": "Llama 3.1 8B",
}
LENGTHS = (1024, 2048, 4096)
GPUS = (16, 24, 48, 80)
METHODS: dict[Literal["qlora", "lora"], str] = {"qlora": "4 bit", "lora": "bf16"}


def table() -> str:
    """The lines between the marks."""
    totals = " | ".join(f"{length:,}" for length in LENGTHS)
    head = f"| GB | weights | adapter | {totals} | {' | '.join(f'{gb} GB' for gb in GPUS)} |"
    rule = "| --- |" + " ---: |" * (2 + len(LENGTHS) + len(GPUS))
    return "\n".join([head, rule, *(_line(key, method) for key in MODELS for method in METHODS)])


def sized(model: str, method: Literal["qlora", "lora"]) -> SizedRun:
    """One model with the default settings on a GPU."""
    import torch

    training = TrainingSettings(method=method)
    with tempfile.TemporaryDirectory() as place, warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        Path(place, "config.json").write_text(json.dumps(CONFIGS[model]), encoding="utf-8")
        shape = read_shape(Path(place), training)
    return SizedRun(shape=shape, training=training, device=torch.device("cuda"), compute=ComputeType.BF16)


def _line(model: str, method: Literal["qlora", "lora"]) -> str:
    run = sized(model, method)
    sizes = [run.memory(length) for length in LENGTHS]
    figures = [sizes[0].weights, sizes[0].trained, *(size.total for size in sizes)]
    longest = [run.longest(gb * 1e9) for gb in GPUS]
    cells = [
        *(f"{figure / 1e9:.1f}" for figure in figures),
        *("none" if length is None else "all" if length == run.longest_tried else f"{length:,}" for length in longest),
    ]
    return f"| {MODELS[model]}, {METHODS[method]} | {' | '.join(cells)} |"


def page(text: str) -> str:
    """The page with the table of today."""
    before, found, rest = text.partition(BEGIN)
    if not found or END not in rest:
        raise SystemExit(f"{PAGE}: the lines {BEGIN!r} and {END!r} mark where the table goes")
    return f"{before}{BEGIN}\n\n{table()}\n\n{END}{rest.partition(END)[2]}"


def main() -> int:
    """Write the table, or compare it with the committed one."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="write nothing; 1 where the committed table is another")
    text = PAGE.read_text(encoding="utf-8")
    if parser.parse_args().check:
        return int(page(text) != text)
    PAGE.write_text(page(text), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
