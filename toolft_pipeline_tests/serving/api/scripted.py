"""An engine that writes given texts, in given parts, and remembers what it was asked; and the parts around it."""

from __future__ import annotations

import asyncio
import itertools
import threading
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager

from toolft_pipeline.engines.engine import Chunk, DecodeRequest, EndReason
from toolft_pipeline.serving.chat_request import ChatRequest
from toolft_pipeline.serving.parts import Route
from toolft_pipeline.serving.served_model import ServedModel
from toolft_pipeline.serving.served_turn import ServedTurn
from toolft_pipeline_tests.conftest import HANG_S


class ScriptedEngine:
    """Writes `text`, split at `borders`, for every request; ends with `end`, or raises `error` at its start."""

    def __init__(self, text: str = "Hello!") -> None:
        self.text = text
        self.borders: Sequence[int] = ()
        self.end = EndReason.STOP
        self.error: Exception | None = None
        self.error_after: Exception | None = None
        """Raised behind the last part, in place of an end."""
        self.max_context = 100_000
        self.failure: str | None = None
        self.asked: list[DecodeRequest] = []
        self.gates: dict[int, asyncio.Event] = {}
        """Before the part of this number the engine waits; `Running.open` opens a gate."""
        self.running = 0
        self.closed = 0
        """Streams that were closed before their end."""

    def load(self) -> tuple[int, int]:
        return (self.running, 0)

    async def start(self) -> None:
        """Nothing to load."""

    async def close(self) -> None:
        """Nothing to free."""

    async def stream(self, request: DecodeRequest) -> AsyncIterator[Chunk]:
        self.asked.append(request)
        if self.error is not None:
            raise self.error
        self.running += 1
        ended = False
        try:
            places = [0, *sorted(self.borders), len(self.text)]
            parts = [self.text[start:end] for start, end in itertools.pairwise(places)]
            for number, part in enumerate(parts):
                if number in self.gates:
                    await self.gates[number].wait()
                if self.error_after is not None and number == len(parts) - 1:
                    raise self.error_after
                last = number == len(parts) - 1
                yield Chunk(text=part, n_new_tokens=1, queued_ms=7.0, end=self.end if last else None)
            ended = True
        finally:
            self.running -= 1
            self.closed += not ended


class OneModel:
    """A router with one model; `route` can be made to fail."""

    def __init__(self, model: ServedModel, engine: ScriptedEngine) -> None:
        self.answering: Route | None = Route(model=model, engine=engine)

    @asynccontextmanager
    async def route(self, conversation_id: str) -> AsyncIterator[Route]:
        assert conversation_id
        assert self.answering is not None
        yield self.answering

    def current(self) -> Route | None:
        return self.answering


class CountedIds:
    """Names conversations by the client's id, else by number."""

    def __init__(self) -> None:
        self.remembered: list[ServedTurn] = []
        self._numbers = itertools.count(1)

    def identify(self, request: ChatRequest) -> str:
        return request.conversation_id or f"conversation-{next(self._numbers)}"

    def remember(self, turn: ServedTurn) -> None:
        self.remembered.append(turn)


class Seen:
    """An observer that keeps every turn; it is told of them after the client is."""

    def __init__(self) -> None:
        self._turns: dict[str, ServedTurn] = {}
        self._more = threading.Condition()

    def observe(self, turn: ServedTurn) -> None:
        with self._more:
            self._turns[turn.request.request_id] = turn
            self._more.notify_all()

    def of(self, answer_id: str) -> ServedTurn:
        """The turn of a completion's id, or a request id."""
        request_id = answer_id.removeprefix("chatcmpl-")
        with self._more:
            assert self._more.wait_for(lambda: request_id in self._turns, HANG_S)
            return self._turns[request_id]


class Replacing:
    """A safety net that answers faults with a message of its own."""

    def __init__(self, replace: Callable[[ServedTurn], ServedTurn]) -> None:
        self._replace = replace

    async def catch(self, turn: ServedTurn) -> ServedTurn:
        return self._replace(turn)
