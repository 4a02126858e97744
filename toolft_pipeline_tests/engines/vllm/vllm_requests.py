"""The engine against the local server, and what it should answer."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

from tokenizers import Tokenizer

from toolft_pipeline.engines.engine import (
    Chunk,
    DecodeRequest,
)
from toolft_pipeline.engines.vllm_engine import VllmEngine
from toolft_pipeline.settings.serving import EngineSettings
from toolft_pipeline_tests.conftest import HANG_S
from toolft_pipeline_tests.engines.model_folders import STOPS, token_of
from toolft_pipeline_tests.engines.vllm.local_vllm import LocalVllm
from toolft_pipeline_tests.engines.vllm.scripts import Script

VOCABULARY = 300


def settings(server: LocalVllm, **changed: Any) -> EngineSettings:
    return EngineSettings.model_validate({"name": "vllm", "url": server.address, **changed})


def engine(server: LocalVllm, *, timeout_s: float = HANG_S, **changed: Any) -> VllmEngine:
    return VllmEngine(settings=settings(server, **changed), folder=server.folder, stops=STOPS, timeout_s=timeout_s)


async def chunks(engine: VllmEngine, ids: tuple[int, ...], *, most: int = 40, **changed: Any) -> list[Chunk]:
    return [chunk async for chunk in engine.stream(DecodeRequest(ids=ids, max_new_tokens=most, **changed))]


def prompts(count: int) -> list[tuple[int, ...]]:
    drawn = random.Random(0)
    return [tuple(drawn.randrange(VOCABULARY) for _ in range(drawn.randrange(3, 60))) for _ in range(count)]


def expected(script: Script, folder: Path, ids: tuple[int, ...], *, most: int) -> tuple[str, tuple[int, ...], str]:
    """Text, tokens and end of an answer, said without the server."""
    stop, written = token_of(folder, STOPS[0]), []
    while len(written) < most and stop not in written:
        written.append(script((*ids, *written), ""))
    kept = [token for token in written if token != stop]
    text = Tokenizer.from_file(str(folder / "tokenizer.json")).decode(kept, skip_special_tokens=False)
    return text, tuple(written), "stop" if stop in written else "length"
