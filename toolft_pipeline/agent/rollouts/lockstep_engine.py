"""An engine over evaluation's generator: the requests of all running rollouts are decoded together, round by round."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from toolft_pipeline.engines.engine import Chunk, DecodeRequest, EndReason
from toolft_pipeline.evaluation.models.generation import Generation, Generator


class LockstepEngine:
    """Waits until as many requests are there as rollouts run, then answers them in one batch, greedily."""

    def __init__(self, generator: Generator, *, max_prompt_tokens: int) -> None:
        self._generator = generator
        self._max_context = max_prompt_tokens + 1
        self._running = 0
        self._waiting: list[tuple[tuple[int, ...], asyncio.Future[Generation]]] = []
        self._batch: asyncio.Task[None] | None = None
        self.generations: dict[tuple[int, ...], Generation] = {}
        """The answer to every prompt: decoding is greedy, so a prompt has one."""
        self.raised: Exception | None = None
        """What the generator raised; a server reports it without its cause."""

    @property
    def failure(self) -> str | None:
        """None: an evaluation ends with the error that `raised` holds."""
        return None

    @property
    def max_context(self) -> int:
        """One more than the longest prompt: the generator has its own limit of new tokens."""
        return self._max_context

    def expect(self, running: int) -> None:
        """Say how many rollouts run, and so how many requests make a batch."""
        self._running = running
        self._start_batch()

    async def stream(self, request: DecodeRequest) -> AsyncIterator[Chunk]:
        """The answer in one chunk."""
        answer: asyncio.Future[Generation] = asyncio.get_running_loop().create_future()
        self._waiting.append((request.ids, answer))
        self._start_batch()
        generation = await answer
        end = EndReason.STOP if generation.finished else EndReason.LENGTH
        yield Chunk(text=generation.text, n_new_tokens=generation.n_new_tokens, end=end)

    def load(self) -> tuple[int, int]:
        """How many requests run, and how many wait."""
        return (0 if self._batch is None else 1), len(self._waiting)

    async def start(self) -> None:
        """Nothing to load: the generator loads its model for the first prompt."""

    async def close(self) -> None:
        """Nothing to free."""

    def _start_batch(self) -> None:
        if self._batch is None and self._waiting and len(self._waiting) >= self._running:
            batch, self._waiting = self._waiting, []
            self._batch = asyncio.create_task(self._answer(batch))

    async def _answer(self, batch: list[tuple[tuple[int, ...], asyncio.Future[Generation]]]) -> None:
        try:
            generations = await asyncio.to_thread(self._generator.generate, [ids for ids, _ in batch])
        except Exception as error:
            self.raised = error
            for _, answer in batch:
                answer.set_exception(error) if not answer.done() else None
            return
        finally:
            self._batch = None
        for (ids, answer), generation in zip(batch, generations, strict=True):
            self.generations[ids] = generation
            if not answer.done():
                answer.set_result(generation)
        self._start_batch()
