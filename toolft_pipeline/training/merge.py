"""The adapter merged into the bf16 base: a model folder that any server loads.

Invariant: the merge starts from a freshly loaded bf16 base, never from the 4-bit one that was trained on: merging
into quantized weights gives a relative error of 0.147 in the logits, into bf16 0.0066 (Gemma 3 270M, CPU).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from toolft_pipeline.chat.formats import get_format
from toolft_pipeline.chat.serving import install
from toolft_pipeline.settings import AgentSettings

if TYPE_CHECKING:
    import torch

MODEL_FOLDER = "model"
CHECKS_FILE = "checks.json"
CARD_FILE = "README.md"

MAX_RELATIVE_ERROR = 0.03
"""Of merged logits against adapter-on-base logits, both bf16: five times what rounding alone gives."""

PROBE_TOKENS = 48
NEW_TOKENS = 16


@dataclass(frozen=True, kw_only=True)
class MergeSummary:
    """Tensors of the merged model, and the figures of its checks."""

    tensors: int
    headline: dict[str, float]


def merge_adapter(
    *,
    base: Path,
    adapter: Path,
    settings: AgentSettings,
    lineage: Mapping[str, str],
    out: Path,
    progress: Callable[[str], None],
) -> MergeSummary:
    """Write `out/model` (safetensors, tokenizer with template and response template, card) and `out/checks.json`."""
    import torch
    from peft import PeftModel
    from transformers import AutoModelForCausalLM, AutoTokenizer

    folder = out / MODEL_FOLDER
    progress("loading the base in bf16")
    tokenizer = AutoTokenizer.from_pretrained(base)
    model = AutoModelForCausalLM.from_pretrained(base, dtype=torch.bfloat16).eval()
    probe = _probe(vocabulary=len(tokenizer))
    with torch.inference_mode():
        plain = model(probe).logits.float()
    adapted = PeftModel.from_pretrained(model, adapter).eval()
    with torch.inference_mode():
        expected = adapted(probe).logits.float()
    progress("merging")
    merged = adapted.merge_and_unload()
    with torch.inference_mode():
        found = merged(probe).logits.float()
        continued = _continue(merged, probe)
    merged.name_or_path = merged.config.name_or_path = f"{settings.name}-merged"
    merged.save_pretrained(folder)
    install(tokenizer, get_format(settings.chat.format), settings.chat.catalog_mode)
    tokenizer.name_or_path = f"{settings.name}-merged"
    tokenizer.save_pretrained(folder)
    (folder / CARD_FILE).write_text(_card(settings, lineage), encoding="utf-8")
    progress("loading the saved folder again")
    reloaded = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.bfloat16).eval()
    with torch.inference_mode():
        again = _continue(reloaded, probe)
    error = _relative_error(found, expected)
    moved = _relative_error(expected, plain)
    checks: dict[str, dict[str, Any]] = {
        "merged_logits": {
            "passed": error <= MAX_RELATIVE_ERROR,
            "relative_error": error,
            "allowed": MAX_RELATIVE_ERROR,
            "adapter_moves_logits_by": moved,
        },
        "reload_same_tokens": {"passed": continued == again, "tokens": continued, "reloaded": again},
    }
    (out / CHECKS_FILE).write_text(json.dumps(checks, indent=1) + "\n", encoding="utf-8")
    return MergeSummary(
        tensors=len(reloaded.state_dict()),
        headline={"merged_relative_error": round(error, 5), "adapter_moves_logits_by": round(moved, 5)},
    )


def _probe(*, vocabulary: int) -> torch.Tensor:
    """One row of fixed ids spread over the vocabulary, shape (1, PROBE_TOKENS), int64."""
    import torch

    return torch.arange(1, PROBE_TOKENS + 1).mul(7919).remainder(vocabulary).unsqueeze(0)


def _continue(model: Any, probe: torch.Tensor) -> list[int]:
    """Greedy continuation of the probe, as ids."""
    ids = model.generate(probe, max_new_tokens=NEW_TOKENS, do_sample=False)
    continuation: list[int] = ids[0, probe.shape[1] :].tolist()
    return continuation


def _relative_error(found: torch.Tensor, expected: torch.Tensor) -> float:
    return float((found - expected).norm() / expected.norm())


def _card(settings: AgentSettings, lineage: Mapping[str, str]) -> str:
    base = settings.base_model
    rows = "\n".join(f"| {name} | `{digest}` |" for name, digest in sorted(lineage.items()))
    return (
        f"# {settings.name}\n\n"
        f"A tool-calling model for the agent `{settings.name}`: {base.package or base.hub or 'a local base'}, "
        f"fine-tuned with QLoRA on the agent's own verified runs.\n\n"
        f"Chat format `{settings.chat.format}`, catalog mode `{settings.chat.catalog_mode}`: the tokenizer carries the "
        "chat template and the response template, so that training and serving build the same prompts. "
        "The base model's licence applies.\n\n"
        f"| made from | content digest |\n| --- | --- |\n{rows}\n"
    )
