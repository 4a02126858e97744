"""Preflight's memory estimate against the peak that training reaches on this CPU: three shapes of model, packed rows of
256, 512 and 1,024 tokens, with and without dropout.

Every measurement is a process of its own that trains an adapter through the real stage, on random weights and made rows
of many lengths. Quoted are the estimate, the most memory that the process ever held, and their ratio.

    python -m benchmarks.preflight [--quick] [--steps N] [--only NAME ...] [--json]

`--quick` takes few steps of models with few layers at one length without dropout; the shapes stay different in kind.
`--only` names cases, or parts of their names. `--steps` is the number of packed rows (12); the growth from the tenth
step to the last is printed where there are more.
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
import tempfile
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from benchmarks.made_rows import DAY, made_rows, write_rows
from toolft_pipeline.settings import AgentSettings, BaseModelSettings


@dataclass(frozen=True, kw_only=True)
class Case:
    """A model's family and sizes, and how it is trained."""

    name: str
    family: str
    vocabulary: int
    hidden: int
    intermediate: int
    layers: int
    heads: int
    key_value_heads: int
    head: int
    packed_length: int = 512
    dropout: float = 0.0
    method: str = "qlora"
    checkpointing: bool = False


CASES = (
    Case(
        name="gemma_large_vocabulary",
        family="gemma3_text",
        vocabulary=262_144,
        hidden=640,
        intermediate=2048,
        layers=18,
        heads=4,
        key_value_heads=1,
        head=256,
    ),
    Case(
        name="llama_not_quantized",
        family="llama",
        vocabulary=32_000,
        hidden=768,
        intermediate=2048,
        layers=12,
        heads=12,
        key_value_heads=4,
        head=64,
        method="lora",
    ),
    Case(
        name="qwen_checkpointing",
        family="qwen3",
        vocabulary=151_936,
        hidden=1024,
        intermediate=3072,
        layers=16,
        heads=16,
        key_value_heads=8,
        head=64,
        checkpointing=True,
    ),
)
QUICK_LAYERS, QUICK_STEPS, STEPS = 4, 3, 12
PACKS, DROPOUTS = (256, 512, 1024), (0.0, 0.05)
WARM = 10
"""Steps after which memory must not grow."""


def main() -> None:
    """Measure, print a table, and with --json one line of figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--steps", type=int)
    parser.add_argument("--only", nargs="+", default=[""], metavar="NAME")
    parser.add_argument("--case", help=argparse.SUPPRESS)
    parser.add_argument("--write", type=Path, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    steps = asked.steps or (QUICK_STEPS if asked.quick else STEPS)
    if asked.write:
        _write_base(asked.write, Case(**json.loads(asked.case)))
        return
    if asked.case:
        print(json.dumps(measure(Case(**json.loads(asked.case)), steps=steps)))
        return
    figures, against = {}, {}
    cases = [case for case in _cases(quick=asked.quick) if any(part in case.name for part in asked.only)]
    for case in cases:
        found = _in_a_process(case, steps=steps)
        peak = found.pop("peak_gb")
        figures |= {f"{case.name}_{key}": value for key, value in found.items()}
        against[f"{case.name}_peak_gb"] = peak
    if asked.json:
        print(json.dumps({"figures": figures, "against": against, "rows": len(cases)}))


def _cases(*, quick: bool) -> list[Case]:
    """Every shape at every length, without dropout first."""
    if quick:
        return [replace(case, layers=QUICK_LAYERS) for case in CASES]
    return [
        replace(
            case,
            name=f"{case.name}_{pack}{'_dropout' if dropout else ''}",
            packed_length=pack,
            dropout=dropout,
        )
        for dropout in DROPOUTS
        for pack in PACKS
        for case in CASES
    ]


def measure(case: Case, *, steps: int) -> dict[str, float]:
    """Train one adapter in this process: estimate, peak, and the one by the other."""
    from toolft_pipeline.compute_type import choose_compute_type
    from toolft_pipeline.training.preflight.preflight import estimate_training
    from toolft_pipeline.training.rows.sampling import draw_rows
    from toolft_pipeline.training.runtime.peak_memory import peak_memory_gb
    from toolft_pipeline.training.train_adapter import AdapterNames, train_adapter

    settings = _agent(case)
    warm: list[float] = []

    def progress(line: str) -> None:
        step = re.match(r"step (\d+)/", line)
        if step and int(step[1]) >= WARM:
            warm.append(peak_memory_gb())

    with tempfile.TemporaryDirectory() as place:
        base, out = Path(place, "base"), Path(place)
        writing = [
            sys.executable,
            "-m",
            "benchmarks.preflight",
            "--case",
            json.dumps(asdict(case)),
            "--write",
            str(base),
        ]
        subprocess.run(writing, check=True, capture_output=True)  # a process of its own: its peak is not training's
        count = max(4, round(steps * case.packed_length / 160))
        selection, tensors = write_rows(out, made_rows(count, vocabulary=case.vocabulary))
        drawn = draw_rows(selection=selection, tensors=tensors, token_budget=None)
        compute = choose_compute_type(settings.training.compute_type).type
        estimate = estimate_training(base=base, drawn=drawn, training=settings.training, compute=compute)
        train_adapter(
            base=base,
            names=AdapterNames(base=base.name, chat_format="gemma3"),
            selection=selection,
            tensors=tensors,
            training=settings.training,
            checkpoints=out / "checkpoints",
            out=out,
            progress=progress,
        )
    estimated, peak = estimate.memory.total / 2**30, peak_memory_gb()
    growth = {f"grown_gb_from_step_{WARM}": round(peak - warm[0], 2)} if steps > WARM and warm else {}
    return {
        "estimated_gb": round(estimated, 2),
        "peak_gb": round(peak, 2),
        "ratio": round(estimated / peak, 2),
        **growth,
    }


def _in_a_process(case: Case, *, steps: int) -> dict[str, float]:
    command = [sys.executable, "-m", "benchmarks.preflight", "--case", json.dumps(asdict(case)), "--steps", str(steps)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=3600)
    if done.returncode != 0:
        raise SystemExit(f"{case.name}: {done.stderr.strip().splitlines()[-1]}")
    found: dict[str, float] = json.loads(done.stdout.strip().splitlines()[-1])
    print(f"{case.name:38}", *(f"{key} {value:<6g}" for key, value in found.items()), flush=True)
    return found


def _write_base(place: Path, case: Case) -> None:
    """Random weights in bf16, and a tokenizer that knows nothing but padding."""
    import torch
    from tokenizers import Tokenizer
    from tokenizers.models import WordLevel
    from transformers import AutoConfig, AutoModelForCausalLM, PreTrainedTokenizerFast

    config = AutoConfig.for_model(
        case.family,
        vocab_size=case.vocabulary,
        hidden_size=case.hidden,
        intermediate_size=case.intermediate,
        num_hidden_layers=case.layers,
        num_attention_heads=case.heads,
        num_key_value_heads=case.key_value_heads,
        head_dim=case.head,
        tie_word_embeddings=True,
    )
    torch.manual_seed(0)
    AutoModelForCausalLM.from_config(config, dtype=torch.bfloat16).save_pretrained(place)
    words = Tokenizer(WordLevel({"<pad>": 0, "<eos>": 1}, unk_token="<pad>"))
    PreTrainedTokenizerFast(tokenizer_object=words, pad_token="<pad>", eos_token="<eos>").save_pretrained(place)


def _agent(case: Case) -> AgentSettings:
    training = {
        "method": case.method,
        "lora_dropout": case.dropout,
        "packed_length": case.packed_length,
        "gradient_accumulation": 1,
        "save_steps": 10_000,
        "memory_check": "warn",
        "sft": {"gradient_checkpointing": True} if case.checkpointing else {},
    }
    document = {"name": "made", "folder": ".", "first_day": DAY, "catalog": {"file": "none.json"}}
    base = BaseModelSettings(folder="made")
    return AgentSettings.model_validate({**document, "base_model": base, "training": training})


if __name__ == "__main__":
    main()
