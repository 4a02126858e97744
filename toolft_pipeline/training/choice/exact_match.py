"""Exact match of an adapter on held-out steps, measured in a fresh process on the merged model.

Invariant: the model is the one that would be published, merged in bf16 as it would be merged; nothing of the trainer's
process is in it. Decoding is greedy, so the figure depends on the adapter and the steps alone.

python -m toolft_pipeline.training.choice.exact_match REQUEST: REQUEST is the path of a `Request` as JSON.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
from msgspec import Struct

from toolft_pipeline.chat.formats import get_format
from toolft_pipeline.chat.formats.chat_format import ChatFormat
from toolft_pipeline.chat.rendering.parsing import parse_assistant
from toolft_pipeline.chat.rendering.serving import token_id
from toolft_pipeline.compute_type import ComputeType
from toolft_pipeline.settings import Method
from toolft_pipeline.training.choice.held_out_steps import BATCH, HeldOutStep
from toolft_pipeline.training.merging.merge import MERGE_BYTES, merge_in_memory
from toolft_pipeline.training.runtime.model_device import model_device

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

SPARE_TOKENS = 8
"""Tokens that an answer may be longer than the longest logged turn of its batch before it counts as unfinished."""


class Request(Struct, frozen=True, kw_only=True):
    """What to measure, and the file that takes the result."""

    base: str
    adapter: str
    method: Method
    chat_format: str
    compute: str
    steps: list[HeldOutStep]
    result: str


class Result(Struct, frozen=True, kw_only=True):
    """The figure: `right` of `steps`."""

    right: int
    steps: int

    @property
    def share(self) -> float:
        """Share of right steps."""
        return self.right / self.steps


def measure(request: Request) -> Result:
    """Merge the adapter, generate every step, and compare."""
    from transformers import AutoTokenizer

    from toolft_pipeline.training.base.snapshot import count_parameters

    base, chat_format = Path(request.base), get_format(request.chat_format)
    tokenizer = AutoTokenizer.from_pretrained(base)
    device = model_device(bytes_needed=MERGE_BYTES * count_parameters(base))
    model: Any = merge_in_memory(base, Path(request.adapter), method=request.method, device=device)
    if request.compute == ComputeType.FP32:
        model.float()
    model.eval()
    by_length = sorted(request.steps, key=lambda step: (len(step.prompt), step.prompt, step.turn))
    right = 0
    for start in range(0, len(by_length), BATCH):
        batch = by_length[start : start + BATCH]
        answers = _greedy(model, batch, tokenizer=tokenizer, chat_format=chat_format)
        right += sum(
            same_calls(
                tokenizer.decode(answer, clean_up_tokenization_spaces=False),
                tokenizer.decode(step.turn, clean_up_tokenization_spaces=False),
                chat_format=chat_format,
            )
            for answer, step in zip(answers, batch, strict=True)
        )
    return Result(right=right, steps=len(by_length))


def same_calls(answer: str, logged: str, *, chat_format: ChatFormat) -> bool:
    """Whether two turns make equal calls as JSON, in any order; turns in words are equal if neither makes a call."""
    made, wanted = parse_assistant(answer, chat_format), parse_assistant(logged, chat_format)
    if made.malformed or not answer.rstrip().endswith(chat_format.stop_tokens):
        return False
    one, other = (
        sorted((call.name, json.dumps(json.loads(call.arguments_json), sort_keys=True)) for call in turn.calls)
        for turn in (made, wanted)
    )
    return one == other


def _greedy(
    model: Any, steps: Sequence[HeldOutStep], *, tokenizer: PreTrainedTokenizerBase, chat_format: ChatFormat
) -> list[list[int]]:
    """Greedy answers, each up to and with its stop token."""
    import torch

    stops = [stop for token in chat_format.stop_tokens if (stop := token_id(tokenizer, token)) is not None]
    longest, filler = max(len(step.prompt) for step in steps), stops[0]
    padding = [longest - len(step.prompt) for step in steps]
    ids = [[filler] * pad + step.prompt for pad, step in zip(padding, steps, strict=True)]
    attention = [[0] * pad + [1] * len(step.prompt) for pad, step in zip(padding, steps, strict=True)]
    with torch.inference_mode():
        generated = model.generate(
            torch.tensor(ids, device=model.device),
            attention_mask=torch.tensor(attention, device=model.device),
            max_new_tokens=max(len(step.turn) for step in steps) + SPARE_TOKENS,
            do_sample=False,
            eos_token_id=stops,
            pad_token_id=filler,
        )
    answers = []
    for row in generated[:, longest:].tolist():
        end = next((place for place, token in enumerate(row) if token in stops), len(row) - 1)
        answers.append(row[: end + 1])
    return answers


def main(path: Path) -> None:
    """Measure a request and publish its result by one rename."""
    request = msgspec.json.decode(path.read_bytes(), type=Request)
    staged = Path(f"{request.result}.part")
    staged.write_bytes(msgspec.json.encode(measure(request)))
    os.replace(staged, request.result)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
