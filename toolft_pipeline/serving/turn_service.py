"""One request answered: prompt ids, the engine's text, the format's parser, the safety net, the observers.

Invariant: the prompt is made and the turn is read by the classes that evaluation uses. A turn that an agent may not
act on is reported as a fault, with its text; it is never repaired, cast or handed on as an answer. With a safety net,
nothing of a turn is shown before the net has seen the whole of it, because the net may replace it.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import aclosing
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TypeVar

from msgspec import Struct, structs

from toolft_pipeline.engines.engine import Chunk, ContextLengthError, DecodeRequest, EndReason
from toolft_pipeline.errors import FixableError
from toolft_pipeline.serving.catalog_saving import CatalogSaving
from toolft_pipeline.serving.chat_request import ChatRequest
from toolft_pipeline.serving.parts import (
    Constraint,
    ConversationIds,
    DriftWatch,
    Route,
    Router,
    SafetyNet,
    TurnObserver,
)
from toolft_pipeline.serving.prompt import served_prompt
from toolft_pipeline.serving.served_turn import ServedTurn, TurnFault
from toolft_pipeline.serving.turn_reading import ReadTurn, new_call_ids, read_served_turn
from toolft_pipeline.serving.visible_text import VisibleText

Result = TypeVar("Result")


class PromptTooLongError(FixableError, ValueError):
    """The prompt leaves no room for an answer; no fault of the engine's."""

    def __init__(self, *, n_prompt_tokens: int, max_context: int) -> None:
        super().__init__(
            f"This model's maximum context length is {max_context} tokens, and your messages and tools are "
            f"{n_prompt_tokens} tokens, which leaves no room for an answer. Shorten the messages or the tools."
        )


class TextDelta(Struct, frozen=True):
    """Text of the answer to show now. The first of a turn may be empty: it says that decoding has begun.

    `model` is the name of the model that answers.
    """

    text: str
    model: str
    conversation_id: str


class TurnService:
    """Answers requests; used from one event loop."""

    def __init__(
        self,
        *,
        router: Router,
        ids: ConversationIds,
        observers: Sequence[TurnObserver] = (),
        net: SafetyNet | None = None,
        constraint: Constraint | None = None,
        drift: DriftWatch | None = None,
    ) -> None:
        self._router = router
        self._ids = ids
        self._observers = tuple(observers)
        self._net = net
        self._constraint = constraint
        self._drift = drift
        self._saving = CatalogSaving()
        self._text_work = ThreadPoolExecutor(
            1, thread_name_prefix="serving-text"
        )  # a tokenizer is not for many threads

    async def answer(self, request: ChatRequest) -> AsyncGenerator[TextDelta | ServedTurn, None]:
        """The texts to show early, then the turn. Close the iterator to stop: the engine's place is freed.

        Raises `PromptTooLongError`, `PromptError`, `EngineBusyError` or `EngineError`.
        """
        conversation_id = self._ids.identify(request)
        async with self._router.route(conversation_id) as route:
            progress = _Progress(visible=VisibleText(route.model.prompter.chat_format))
            async with aclosing(self._generate(request, route, progress)) as texts:
                async for text in texts:
                    yield TextDelta(text, route.model.name, conversation_id)
            turn = await self._read(request, conversation_id, route, progress)
        if self._net is not None:
            turn = _with_its_call_ids(await self._net.catch(turn))
        self._ids.remember(turn)
        try:
            yield turn
        finally:
            for observer in self._observers:
                observer.observe(turn)

    def close(self) -> None:
        """End the thread of the text work."""
        self._text_work.shutdown(wait=False, cancel_futures=True)

    async def _generate(self, request: ChatRequest, route: Route, progress: _Progress) -> AsyncGenerator[str, None]:
        ids = await self._off_the_loop(lambda: served_prompt(route.model, request))
        progress.prompt_ids = tuple(ids)
        max_context = route.engine.max_context
        room = max_context - len(ids)
        if room < 1:
            raise PromptTooLongError(n_prompt_tokens=len(ids), max_context=max_context)
        decode = DecodeRequest(
            ids=progress.prompt_ids,
            max_new_tokens=min(request.max_new_tokens, room),
            temperature=request.temperature,
            top_p=request.top_p,
            seed=request.seed,
            grammar=await self._grammar(request, route),
        )
        try:
            async with aclosing(route.engine.stream(decode)) as chunks:  # type: ignore[type-var]  # a generator
                async for chunk in chunks:
                    first = progress.first_token_ms is None
                    shown = progress.add(chunk)
                    if first or (shown and self._net is None):
                        yield shown if self._net is None else ""
        except ContextLengthError as error:
            raise PromptTooLongError(n_prompt_tokens=len(ids), max_context=max_context) from error

    async def _grammar(self, request: ChatRequest, route: Route) -> str | None:
        constraint = self._constraint
        if constraint is None:
            return None
        return await self._off_the_loop(lambda: constraint.grammar(request, route.model))

    async def _read(self, request: ChatRequest, conversation_id: str, route: Route, progress: _Progress) -> ServedTurn:
        latency_ms = progress.elapsed_ms()
        saved = await self._off_the_loop(lambda: self._saving.tokens(request, route.model))
        read: ReadTurn = await self._off_the_loop(
            lambda: read_served_turn(
                request,
                route.model,
                text=progress.text,
                finished=progress.end is EndReason.STOP,
                n_tokens=progress.n_new_tokens,
            )
        )
        cut_text = (
            progress.visible.shown if read.fault is TurnFault.CUT and not progress.visible.held_for_parser else ""
        )
        model = route.model
        return ServedTurn(
            request=request,
            conversation_id=conversation_id,
            started_at=progress.started_at,
            agent=model.agent,
            model_day=model.day,
            model_digest=model.content_digest,
            adapter_digest=model.adapter_digest,
            arm=route.arm,
            prompt_ids=progress.prompt_ids,
            completion_ids=tuple(progress.completion_ids),
            n_new_tokens=progress.n_new_tokens,
            raw_text=progress.text,
            turn=read.turn,
            fault=read.fault,
            fault_detail=read.fault_detail,
            cut_text=cut_text or None,
            invalid_arguments=read.invalid_arguments,
            constrained_changes=progress.n_corrected,
            catalog_drift=self._drift is not None and self._drift.drifted(),
            catalog_tokens_saved=saved,
            call_ids=() if read.fault else new_call_ids(read.turn),
            latency_ms=latency_ms,
            first_token_ms=progress.first_token_ms,
            queued_ms=progress.queued_ms,
        )

    async def _off_the_loop(self, work: Callable[[], Result]) -> Result:
        return await asyncio.get_running_loop().run_in_executor(self._text_work, work)


@dataclass(kw_only=True)
class _Progress:
    """What is known of a turn while it is generated."""

    visible: VisibleText
    prompt_ids: tuple[int, ...] = ()
    completion_ids: list[int] = field(default_factory=list)
    n_new_tokens: int = 0
    text: str = ""
    end: EndReason | None = None
    first_token_ms: float | None = None
    queued_ms: float = 0.0
    n_corrected: int = 0
    started_at: str = field(default_factory=lambda: datetime.now(UTC).isoformat(timespec="milliseconds"))
    started: float = field(default_factory=time.monotonic)

    def elapsed_ms(self) -> float:
        return 1000 * (time.monotonic() - self.started)

    def add(self, chunk: Chunk) -> str:
        """Take the next chunk; returns the text that may be shown now."""
        if self.first_token_ms is None:
            self.first_token_ms = self.elapsed_ms()
        self.queued_ms = max(self.queued_ms, chunk.queued_ms)
        self.n_corrected += chunk.n_corrected
        self.text += chunk.text
        self.completion_ids += chunk.token_ids
        self.n_new_tokens += chunk.n_new_tokens or len(chunk.token_ids)
        self.end = chunk.end or self.end
        return self.visible.feed(chunk.text)


def _with_its_call_ids(turn: ServedTurn) -> ServedTurn:
    """A replaced turn with the ids of the calls that the client is sent."""
    if turn.fallback_message is None:
        return turn
    calls = turn.fallback_message.get("tool_calls") or ()
    return structs.replace(turn, call_ids=tuple(call["id"] for call in calls))
