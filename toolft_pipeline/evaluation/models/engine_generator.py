"""A serving engine as evaluation's generator: the same ids go in, and the same parser reads what comes out.

Invariant: no answer is lost or counted against the model because an engine failed: any failure ends the evaluation with
the engine's own line. Answers of one engine are never taken for another's (see `engine_identity`).

In bf16 the greedy text of a prompt may differ between engines, and between a batch and a request alone, where two
tokens are nearly equal. How many of an evaluation's single requests repeat their batch's text is in its log.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Coroutine, Sequence
from pathlib import Path
from typing import Any, TypeVar

from msgspec import structs

from toolft_pipeline.engines.engine import DecodeRequest, EndReason, Engine
from toolft_pipeline.engines.registry import make_engine
from toolft_pipeline.evaluation.models.generation import Generation, Generator, Sampling
from toolft_pipeline.settings import AgentSettings
from toolft_pipeline.settings.serving import EngineName, EngineSettings

T = TypeVar("T")

AT_ONCE = 256
"""Prompts that are sent at a time: enough for every engine's batch, fewer than their queues hold."""


def engine_settings(settings: AgentSettings) -> EngineSettings:
    """`serving.engine` with the name and the batch of evaluation."""
    changed = {"name": settings.evaluation.engine, "batch_size": settings.evaluation.batch_size}
    return settings.serving.engine.model_copy(update=changed)


def engine_identity(settings: AgentSettings) -> dict[str, Any] | None:
    """What of the engine decides an answer; None for transformers, whose decoder has a code version of its own.

    The release of vLLM is no part of it: its programs live in another environment. Rebuild with --force after a change.
    """
    engine = engine_settings(settings)
    if engine.name is EngineName.TRANSFORMERS:
        return None
    if engine.name is EngineName.LLAMA_CPP:
        return {"name": engine.name.value, "quantization": engine.quantization}
    return {"name": engine.name.value, "options": list(engine.options)}


class EngineSession:
    """A started engine on an event loop of its own thread, which reads the engine's output also between prompts."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="evaluation-engine", daemon=True)
        self._thread.start()
        try:
            self.run(engine.start())
        except BaseException:
            self._end()
            raise

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine on the engine's loop and wait for it; an interruption of the wait cancels it."""
        future = asyncio.run_coroutine_threadsafe(work, self._loop)
        try:
            return future.result()
        except BaseException:
            future.cancel()
            raise

    def close(self) -> None:
        """End the engine and the loop; the second time does nothing."""
        if self._loop.is_closed():
            return
        try:
            self.run(self.engine.close())
        finally:
            self._end()

    def _end(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()


def start_session(
    settings: AgentSettings,
    *,
    folder: Path,
    stops: Sequence[str],
    progress: Callable[[str], None],
) -> EngineSession:
    """Start evaluation's engine for a model folder. Raises `EngineError`."""
    engine = engine_settings(settings)
    progress(f"starting the engine {engine.name} for {folder.name}")
    return EngineSession(make_engine(engine, folder=folder, stops=stops, progress=progress))


class EngineGenerator(Generator):
    """Sends all prompts to an engine at once and collects the answers in order; without `sampling` they are greedy."""

    def __init__(
        self, session: EngineSession, *, max_new_tokens: int, places: int, sampling: Sampling | None = None
    ) -> None:
        self._sampling = sampling
        self._session = session
        self._max_new_tokens = max_new_tokens
        self._places = places

    def generate(self, prompts: Sequence[Sequence[int]]) -> list[Generation]:
        """Answer in the order of the prompts. Raises `EngineError`."""
        return self._session.run(self._all(prompts))

    async def _all(self, prompts: Sequence[Sequence[int]]) -> list[Generation]:
        started = time.monotonic()
        gate = asyncio.Semaphore(AT_ONCE)

        async def one(prompt: Sequence[int]) -> Generation:
            async with gate:
                return await self._one(prompt, started=started, rows=min(len(prompts), self._places))

        tasks = [asyncio.create_task(one(prompt)) for prompt in prompts]
        try:
            answers = await asyncio.gather(*tasks)
        except BaseException:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            raise
        busy_ms = (time.monotonic() - started) * 1000 / max(1, len(prompts))
        return [structs.replace(answer, busy_ms=busy_ms) for answer in answers]

    async def _one(self, prompt: Sequence[int], *, started: float, rows: int) -> Generation:
        text, tokens, end = [], 0, None
        drawn = self._sampling
        request = DecodeRequest(
            ids=tuple(prompt),
            max_new_tokens=self._max_new_tokens,
            temperature=0.0 if drawn is None else drawn.temperature,
            seed=None if drawn is None else drawn.seed(prompt),
        )
        async for chunk in self._session.engine.stream(request):
            text.append(chunk.text)
            tokens += chunk.n_new_tokens
            end = chunk.end
        return Generation(
            text="".join(text),
            n_prompt_tokens=len(prompt),
            n_new_tokens=tokens,
            latency_ms=(time.monotonic() - started) * 1000,
            finished=end is EndReason.STOP,
            batch_rows=rows,
        )
