"""The engine over a tiny model, what it is asked, and what transformers answers."""

from __future__ import annotations

import asyncio
import json
import random
from pathlib import Path
from typing import TYPE_CHECKING, Any

from toolft_pipeline.engines.engine import Chunk, DecodeRequest
from toolft_pipeline.engines.llama_cpp_engine import LlamaCppEngine
from toolft_pipeline.settings.serving import EngineSettings
from toolft_pipeline_tests.engines.random_models import STOPS

if TYPE_CHECKING:
    from transformers import PreTrainedModel

NEW = 24

Started = tuple[asyncio.Runner, LlamaCppEngine]
"""A started engine and the event loop that it lives in."""


def make(folder: Path, scratch: Path, *, family: str = "gemma3", **changed: Any) -> LlamaCppEngine:
    adapter = changed.pop("adapter", None)
    settings = EngineSettings.model_validate(
        {"name": "llama_cpp", "threads": 1, "quantization": "F32", "batch_size": 2, "context_tokens": 1024, **changed}
    )
    return LlamaCppEngine(
        settings=settings, folder=folder, stops=STOPS[family], exports=scratch / "exports", adapter=adapter
    )


def prompts(vocabulary: int, count: int = 8) -> list[tuple[int, ...]]:
    """Prompts of ordinary tokens, some far longer than the sliding window."""
    drawn = random.Random(0)
    return [
        tuple(drawn.randrange(300, vocabulary) for _ in range(length)) for length in (1, 7, 20, 40, 90, 150, 3, 33)
    ][:count]


async def ask(engine: LlamaCppEngine, ids: tuple[int, ...], *, most: int = NEW, **changed: Any) -> list[Chunk]:
    return [chunk async for chunk in engine.stream(DecodeRequest(ids=ids, max_new_tokens=most, **changed))]


def tokens(answer: list[Chunk]) -> list[int]:
    return [id_ for chunk in answer for id_ in chunk.token_ids]


def greedy(model: PreTrainedModel, ids: tuple[int, ...], stops: set[int], *, most: int = NEW) -> list[int]:
    """transformers' own loop."""
    import torch

    written = model.generate(
        torch.tensor([ids]), max_new_tokens=most, do_sample=False, eos_token_id=sorted(stops), pad_token_id=0
    )
    return [int(id_) for id_ in written[0, len(ids) :]]


def stop_ids(folder: Path, family: str) -> set[int]:
    added = json.loads((folder / "tokenizer.json").read_text())["added_tokens"]
    return {token["id"] for token in added if token["content"] in STOPS[family]}
