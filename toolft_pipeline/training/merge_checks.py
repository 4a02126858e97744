"""Whether a merged folder is what it claims to be: adapter on base, and the same after loading as before saving.

Invariant: the reference is PEFT running the unmerged adapter on the base as it was trained on, in 4-bit layers where
it was; nothing here touches the code that merges, and everything is read from the folders that are published. Both
sides compute in float32 where memory allows, so that only the rounding of the merged weights is between them: 0.002
to 0.006 for adapters of Gemma 3 270M, where bf16 activations alone differ by 0.011 to 0.017.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from toolft_pipeline.compute_type import ComputeType
from toolft_pipeline.training.adapter_on_base import load_adapter_on_base
from toolft_pipeline.training.base_model import count_parameters
from toolft_pipeline.training.free_memory import free_memory
from toolft_pipeline.training.quantized import load_base

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

MAX_RELATIVE_ERROR = 0.02
"""Of logits in float32, merged against adapter on base: three times what rounding the weights was seen to give."""

MAX_RELATIVE_ERROR_BF16 = 0.05
"""The same where the model is too big to be compared in float32."""

NEW_TOKENS = 16

_REQUESTS = (
    "Where is my order 4711, and when will it arrive?",
    "Please cancel the second item and tell me what is left to pay.",
    "Thanks! That was all for today.",
    "Compare the two options, take the cheaper one and send Dana Whitfield a note about it.",
)


def probes(tokenizer: PreTrainedTokenizerBase) -> list[list[int]]:
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
    import torch
    from transformers import AutoTokenizer

    rows = probes(AutoTokenizer.from_pretrained(merged))
    wide = 4.5 * count_parameters(base) < free_memory(device)
    dtype, allowed = (torch.float32, MAX_RELATIVE_ERROR) if wide else (torch.bfloat16, MAX_RELATIVE_ERROR_BF16)
    adapted = load_adapter_on_base(
        base, adapter, load=lambda folder: load_base(folder, quantization=quantization, dtype=dtype, device=device)
    )
    expected = _logits(adapted, rows)
    with adapted.disable_adapter():
        plain = _logits(adapted, rows)
    del adapted
    reloaded = _load(merged, dtype=compute.dtype, device=device)
    again = continuation(reloaded, rows)
    if compute.dtype != dtype:  # loaded again: `to` would round float32 buffers, such as rotary frequencies
        del reloaded
        reloaded = _load(merged, dtype=dtype, device=device)
    error = _relative_error(_logits(reloaded, rows), expected)
    return {
        "merged_logits": {
            "passed": math.isfinite(error) and error <= allowed,
            "relative_error": error,
            "allowed": allowed,
            "adapter_effect": _relative_error(expected, plain),
        },
        "reload_same_tokens": {
            "passed": again == [list(row) for row in generated],
            "probes": len(rows),
            "tokens": sum(len(row) for row in again),
        },
    }


def _load(folder: Path, *, dtype: torch.dtype, device: torch.device) -> PreTrainedModel:
    from transformers import AutoModelForCausalLM

    model: PreTrainedModel = AutoModelForCausalLM.from_pretrained(folder, dtype=dtype, device_map={"": device})
    return model.eval()


def continuation(model: Any, rows: Sequence[Sequence[int]]) -> list[list[int]]:
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
