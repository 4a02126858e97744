"""Check a merged folder: does it compute what the unmerged adapter computes, and does it reload unchanged?

Invariant: the reference is PEFT running the unmerged adapter on the base of the training, with 4-bit layers if it had
them; it shares no code with the merge, and everything is read from the published folders. Both sides compute in float32
if memory allows, so that they differ only by the rounding of the merged weights. The effect of that rounding on logits
differs between models, adapters and roundings, because few directions dominate it: six roundings of one adapter on
Gemma 3 270M gave 0.002 to 0.009. It is therefore measured on this model, over several roundings. Because it can hide a
module that was not merged, weights are compared too: those of adapted modules within rounding, all others bit for bit.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from toolft_pipeline.compute_type import ComputeType
from toolft_pipeline.settings import Method, quantization_of
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
from toolft_pipeline.training.merging.trained_weights import load_trained_weights
from toolft_pipeline.training.runtime.free_memory import free_memory

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

PERTURBATIONS = 8
"""Random perturbations of every merged weight by up to one bf16 spacing: about twice the effect of one rounding."""

TOLERANCE_FACTOR = 3.0
"""Allowed error of the logits as a multiple of the perturbations' effect (root mean square): six times rounding's. If
all of the effect were in one direction, a correct merge would fail once in 3,000 times (Student's t, eight draws)."""

MIN_TOLERANCE = 1e-4
"""Error of the float32 arithmetic itself."""

NEW_TOKENS = 16

_REQUESTS = (
    "Where is my order 4711, and when will it arrive?",
    "Please cancel the second item and tell me what is left to pay.",
    "Thanks! That was all for today.",
    "Compare the two options, take the cheaper one and send Dana Whitfield a note about it.",
)


def probe_prompts(tokenizer: PreTrainedTokenizerBase) -> list[list[int]]:
    """Token ids of fixed requests, rendered by the saved template up to where generation starts."""
    rendered = [
        tokenizer.apply_chat_template([{"role": "user", "content": text}], tokenize=False, add_generation_prompt=True)
        for text in _REQUESTS
    ]
    return [list(tokenizer(text, add_special_tokens=False)["input_ids"]) for text in rendered]


def check_merge(
    *,
    base: Path,
    adapter: Path,
    method: Method,
    merged: Path,
    generated: Sequence[Sequence[int]],
    compute: ComputeType,
    device: torch.device,
) -> dict[str, dict[str, Any]]:
    """`merged_logits` and `reload_same_tokens`, each with `passed` and its figures.

    `generated` are the merged model's continuations of the probe prompts before saving, in `compute` on `device`.
    """
    from transformers import AutoTokenizer

    rows = probe_prompts(AutoTokenizer.from_pretrained(merged))
    expected = merge_reference(base=base, adapter=adapter, method=method, rows=rows, device=device)
    reloaded = _load(merged, dtype=compute.dtype, device=device)
    again = greedy_continuations(reloaded, rows)
    if compute.dtype != expected.dtype:  # reload: `to` would round float32 buffers, such as rotary frequencies
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
    """Logits of the unmerged adapter on its base, or of all weights, and the weights that a correct merge has."""

    rows: Sequence[Sequence[int]]
    logits: list[torch.Tensor]
    adapter_effect: float
    columns: dict[str, ModuleColumns]
    untouched: dict[str, str]
    """Digests of the weights outside adapted modules."""
    dtype: torch.dtype
    """The compute type of both sides."""


def merge_reference(
    *, base: Path, adapter: Path, method: Method, rows: Sequence[Sequence[int]], device: torch.device
) -> MergeReference:
    """Run PEFT on the probe prompts, in float32 if the device has room for the merged model in float32."""
    import torch

    wide = 4.5 * count_parameters(base) < free_memory(device)
    dtype = torch.float32 if wide else torch.bfloat16
    if method == "full":
        return _reference_of_weights(base=base, weights=adapter, rows=rows, dtype=dtype, device=device)
    quantization = quantization_of(method)
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


def _reference_of_weights(
    *, base: Path, weights: Path, rows: Sequence[Sequence[int]], dtype: torch.dtype, device: torch.device
) -> MergeReference:
    """The published weights themselves: each must be in the merged folder bit for bit."""
    trained = load_trained_weights(base, weights, device=device, dtype=dtype)
    logits, digests = _logits(trained, rows), untouched_weights(trained, adapted=())
    del trained
    plain = _logits(load_base(base, quantization="none", dtype=dtype, device=device).eval(), rows)
    return MergeReference(
        rows=rows,
        logits=logits,
        adapter_effect=_relative_error(logits, plain),
        columns={},
        untouched=digests,
        dtype=dtype,
    )


def compare_merged(merged: Any, expected: MergeReference) -> dict[str, Any]:
    """`merged_logits` of a merged model that computes in `expected.dtype`.

    This perturbs the model's weights: do not use it afterwards.
    """
    logits = _logits(merged, expected.rows)
    weights = compare_weights(merged, expected.columns, dtype=expected.dtype)
    after_merge = untouched_weights(merged, adapted=expected.columns)
    changed = sorted(name for name, digest in expected.untouched.items() if after_merge.get(name) != digest)
    error = _relative_error(logits, expected.logits)
    allowed = max(MIN_TOLERANCE, TOLERANCE_FACTOR * _perturbation_effect(merged, expected, before=logits))
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


def _perturbation_effect(merged: Any, expected: MergeReference, *, before: list[torch.Tensor]) -> float:
    """Root mean square of the change of the logits by successive random perturbations of the weights."""
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
    """Greedy continuations of exactly `NEW_TOKENS` ids, stop tokens ignored."""
    import torch

    continued = []
    for row in rows:
        ids = torch.tensor([list(row)], device=model.device)
        generated = model.generate(
            ids,
            attention_mask=torch.ones_like(ids),
            max_new_tokens=NEW_TOKENS,
            min_new_tokens=NEW_TOKENS,
            do_sample=False,
        )
        continued.append([int(token) for token in generated[0, ids.shape[1] :]])
    return continued


def _logits(model: Any, rows: Sequence[Sequence[int]]) -> list[torch.Tensor]:
    """Logits after the last four tokens of every probe, float32, shape (4, vocabulary) each."""
    import torch

    with torch.inference_mode():
        return [
            model(input_ids=torch.tensor([list(row)], device=model.device), logits_to_keep=4).logits[0].float()
            for row in rows
        ]


def _relative_error(logits: list[torch.Tensor], expected: list[torch.Tensor]) -> float:
    """Norm of the difference over the norm of the expected logits, over all rows."""
    difference = sum(float((one - other).norm()) ** 2 for one, other in zip(logits, expected, strict=True))
    return math.sqrt(difference / sum(float(other.norm()) ** 2 for other in expected))
