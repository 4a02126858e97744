"""Whether a merged folder is what it claims to be: adapter on base, and the same after loading as before saving.

Invariant: the reference is PEFT running the unmerged adapter on the base as it was trained on, in 4-bit layers where it
was; nothing here touches the code that merges, and everything is read from the folders that are published. Both sides
compute in float32 where memory allows, so that only the rounding of the merged weights is between them. What that
rounding does to logits differs from model to model and from adapter to adapter, and from one rounding to the next: few
directions dominate it, so that six roundings of one adapter on Gemma 3 270M gave 0.002 to 0.009. It is measured on the
very model, over several roundings; and because it can hide a module that was missed, weights are compared too: those of
adapted modules within rounding, all others bit for bit.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from toolft_pipeline.compute_type import ComputeType
from toolft_pipeline.training.base.quantized import load_base
from toolft_pipeline.training.base.snapshot import count_parameters
from toolft_pipeline.training.merging.adapter_on_base import load_adapter_on_base
from toolft_pipeline.training.merging.merged_weights import (
    ModuleColumns,
    compare_weights,
    expected_columns,
    perturb_weights,
    untouched_weights,
)
from toolft_pipeline.training.runtime.free_memory import free_memory

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

PERTURBATIONS = 8
"""Times that every merged weight is moved by up to one step of bf16. That moves weights about twice as far as rounding
them once does."""

TOLERANCE_FACTOR = 3.0
"""Error of the logits that is allowed, in what the moves do to them (root of the mean square): six times what rounding
does. Were all of it in one direction, a right merge would fail once in 3,000 times (Student's t, eight draws)."""

MIN_TOLERANCE = 1e-4
"""Error that arithmetic in float32 alone may give."""

NEW_TOKENS = 16

_REQUESTS = (
    "Where is my order 4711, and when will it arrive?",
    "Please cancel the second item and tell me what is left to pay.",
    "Thanks! That was all for today.",
    "Compare the two options, take the cheaper one and send Dana Whitfield a note about it.",
)


def probe_prompts(tokenizer: PreTrainedTokenizerBase) -> list[list[int]]:
    """Fixed requests as the saved template serves them: rows of ids that generation would start from."""
    rendered = [
        tokenizer.apply_chat_template([{"role": "user", "content": text}], tokenize=False, add_generation_prompt=True)
        for text in _REQUESTS
    ]
    return [list(tokenizer(text, add_special_tokens=False)["input_ids"]) for text in rendered]


def check_merge(
    *,
    base: Path,
    adapter: Path,
    quantization: str,
    merged: Path,
    generated: Sequence[Sequence[int]],
    compute: ComputeType,
    device: torch.device,
) -> dict[str, dict[str, Any]]:
    """`merged_logits` and `reload_same_tokens`, each with `passed` and its figures.

    `generated` is what the merged model, computing in `compute`, continued the probes with before it was loaded again,
    on the same `device`.
    """
    from transformers import AutoTokenizer

    rows = probe_prompts(AutoTokenizer.from_pretrained(merged))
    expected = merge_reference(base=base, adapter=adapter, quantization=quantization, rows=rows, device=device)
    reloaded = _load(merged, dtype=compute.dtype, device=device)
    again = greedy_continuations(reloaded, rows)
    if compute.dtype != expected.dtype:  # loaded again: `to` would round float32 buffers, such as rotary frequencies
        del reloaded
        reloaded = _load(merged, dtype=expected.dtype, device=device)
    return {
        "merged_logits": compare_merged(reloaded, expected),
        "reload_same_tokens": {
            "passed": again == [list(row) for row in generated],
            "probes": len(rows),
            "tokens": sum(len(row) for row in again),
        },
    }


@dataclass(frozen=True, kw_only=True)
class MergeReference:
    """What the unmerged adapter on its base answers, and the columns of weights that a right merge has."""

    rows: Sequence[Sequence[int]]
    logits: list[torch.Tensor]
    adapter_effect: float
    columns: dict[str, ModuleColumns]
    untouched: dict[str, str]
    """Digests of the weights that no adapter touches."""
    dtype: torch.dtype
    """The type that both sides compute in."""


def merge_reference(
    *, base: Path, adapter: Path, quantization: str, rows: Sequence[Sequence[int]], device: torch.device
) -> MergeReference:
    """Run PEFT on the probes, in float32 where the device has room for the merged model in it."""
    import torch

    wide = 4.5 * count_parameters(base) < free_memory(device)
    dtype = torch.float32 if wide else torch.bfloat16
    adapted = load_adapter_on_base(
        base, adapter, load=lambda folder: load_base(folder, quantization=quantization, dtype=dtype, device=device)
    )
    logits = _logits(adapted, rows)
    with adapted.disable_adapter():
        plain = _logits(adapted, rows)
    columns = expected_columns(adapted, dtype=dtype)
    return MergeReference(
        rows=rows,
        logits=logits,
        adapter_effect=_relative_error(logits, plain),
        columns=columns,
        untouched=untouched_weights(adapted.get_base_model(), adapted=columns),
        dtype=dtype,
    )


def compare_merged(merged: Any, expected: MergeReference) -> dict[str, Any]:
    """`merged_logits` of a merged model that computes in `expected.dtype`. Its weights are changed by this: nothing may
    use it afterwards."""
    found = _logits(merged, expected.rows)
    weights = compare_weights(merged, expected.columns, dtype=expected.dtype)
    handed_on = untouched_weights(merged, adapted=expected.columns)
    changed = sorted(name for name, digest in expected.untouched.items() if handed_on.get(name) != digest)
    error = _relative_error(found, expected.logits)
    allowed = max(MIN_TOLERANCE, TOLERANCE_FACTOR * _effect_of_moves(merged, expected, before=found))
    return {
        "passed": error <= allowed < math.inf and weights.off <= 1 and not changed,
        "relative_error": error,
        "allowed": allowed,
        "adapter_effect": expected.adapter_effect,
        "weights_off": weights.off,
        "weights_off_most": weights.module,
        "modules": weights.modules,
        "untouched": len(expected.untouched),
        "untouched_changed": len(changed),
        **({"untouched_changed_first": changed[0]} if changed else {}),
    }


def _effect_of_moves(merged: Any, expected: MergeReference, *, before: list[torch.Tensor]) -> float:
    """Root of the mean square of what `PERTURBATIONS` independent moves of the merged weights, one on top of the other, do."""
    names = [name for name, _ in merged.named_modules() if name in expected.columns]
    squares = []
    for draw in range(PERTURBATIONS):
        perturb_weights(merged, names, seed=draw)
        after = _logits(merged, expected.rows)
        squares.append(_relative_error(after, before) ** 2)
        before = after
    return math.sqrt(sum(squares) / PERTURBATIONS)


def _load(folder: Path, *, dtype: torch.dtype, device: torch.device) -> PreTrainedModel:
    from transformers import AutoModelForCausalLM

    model: PreTrainedModel = AutoModelForCausalLM.from_pretrained(folder, dtype=dtype, device_map={"": device})
    return model.eval()


def greedy_continuations(model: Any, rows: Sequence[Sequence[int]]) -> list[list[int]]:
    """Greedy continuations of `NEW_TOKENS` ids, whatever the model would stop at."""
    import torch

    continued = []
    for row in rows:
        ids = torch.tensor([list(row)], device=model.device)
        found = model.generate(
            ids,
            attention_mask=torch.ones_like(ids),
            max_new_tokens=NEW_TOKENS,
            min_new_tokens=NEW_TOKENS,
            do_sample=False,
        )
        continued.append([int(token) for token in found[0, ids.shape[1] :]])
    return continued


def _logits(model: Any, rows: Sequence[Sequence[int]]) -> list[torch.Tensor]:
    """Logits after the last four tokens of every probe, float32, shape (4, vocabulary) each."""
    import torch

    with torch.inference_mode():
        return [
            model(input_ids=torch.tensor([list(row)], device=model.device), logits_to_keep=4).logits[0].float()
            for row in rows
        ]


def _relative_error(found: list[torch.Tensor], expected: list[torch.Tensor]) -> float:
    """Norm of the difference over the norm of what is expected, all rows together."""
    difference = sum(float((one - other).norm()) ** 2 for one, other in zip(found, expected, strict=True))
    return math.sqrt(difference / sum(float(other.norm()) ** 2 for other in expected))
