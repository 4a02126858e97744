"""POST /v1/chat/completions, whole and streamed.

Invariant: an error before the first chunk is an HTTP error; after it, an event `error` and no `[DONE]`, which clients
raise. However a request ends, its place and the engine's are free again.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from toolft_pipeline.engines.engine import EngineError
from toolft_pipeline.serving.api.admission import Admission
from toolft_pipeline.serving.api.answers import completion
from toolft_pipeline.serving.api.disconnect import ClientGoneError, while_connected
from toolft_pipeline.serving.api.errors import ApiError, JsonResponse, unavailable
from toolft_pipeline.serving.api.event_stream import EventStream
from toolft_pipeline.serving.api.failures import as_api_error
from toolft_pipeline.serving.api.metrics import Metrics
from toolft_pipeline.serving.api.request_checks import (
    CONVERSATION_HEADER,
    CheckedRequest,
    Sender,
    checked_request,
    unknown_model,
)
from toolft_pipeline.serving.parts import Router
from toolft_pipeline.serving.prompt import PromptError
from toolft_pipeline.serving.served_turn import ServedTurn
from toolft_pipeline.serving.turn_service import PromptTooLongError, TextDelta, TurnService
from toolft_pipeline.settings.serving import ServerLimits

UNREAD_S = 5.0
"""Seconds beyond the time limit for a client to read what was sent; one that does not loses its place."""


class Completions:
    """The route as an ASGI application."""

    def __init__(
        self,
        *,
        turns: TurnService,
        router: Router,
        limits: ServerLimits,
        admission: Admission,
        metrics: Metrics,
        strict_holds: bool,
    ) -> None:
        self._turns = turns
        self._router = router
        self._limits = limits
        self._admission = admission
        self._metrics = metrics
        self._strict_holds = strict_holds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        request = Request(scope, receive)
        with self._admission.place(request.state.client):
            try:
                async with asyncio.timeout(self._limits.timeout_s):
                    body = await request.body()
            except TimeoutError as error:
                raise ApiError(408, "the body did not arrive in time", code="request_timeout") from error
            checked = self._checked(request, body)
            answer = self._stream(checked, send) if checked.streaming.stream else self._whole(checked, scope, send)
            try:
                async with asyncio.timeout(self._limits.timeout_s + UNREAD_S):
                    await while_connected(answer, receive)
            except TimeoutError as error:
                raise as_api_error(error, checked.chat.request_id) from error

    def _checked(self, request: Request, body: bytes) -> CheckedRequest:
        sender = Sender(
            request_id=request.state.request_id,
            client=request.state.client,
            conversation_header=request.headers.get(CONVERSATION_HEADER),
        )
        checked = checked_request(body, sender, limits=self._limits, strict_holds=self._strict_holds)
        known = model_names(self._router)
        if checked.model not in known:
            raise unknown_model(checked.model, known)
        return checked

    async def _whole(self, checked: CheckedRequest, scope: Scope, send: Send) -> None:
        """Send the completion when the turn is known."""
        async with aclosing(self._events(checked)) as events:  # the observers hear of the turn after it was sent
            async for event in events:
                if isinstance(event, ServedTurn):
                    headers = {CONVERSATION_HEADER: event.conversation_id}
                    await _send_response(JsonResponse(completion(event), headers=headers), scope, send)

    async def _stream(self, checked: CheckedRequest, send: Send) -> None:
        """Send server-sent events; the status goes out when decoding has begun."""
        stream = EventStream(send, checked.chat, include_usage=checked.streaming.include_usage)
        try:
            async with aclosing(self._events(checked)) as events:
                async for event in events:
                    await (stream.text(event) if isinstance(event, TextDelta) else stream.end(event))
        except Exception as error:
            if not stream.started:
                raise
            await stream.fail(as_api_error(error, checked.chat.request_id))

    async def _events(self, checked: CheckedRequest) -> AsyncGenerator[TextDelta | ServedTurn, None]:
        """The events of a turn within the time limit, faults of the server as `ApiError`."""
        try:
            deadline = asyncio.get_running_loop().time() + self._limits.timeout_s
            async with aclosing(self._turns.answer(checked.chat)) as events:
                while True:
                    async with asyncio.timeout_at(deadline):
                        event = await anext(events, None)
                    if event is None:
                        return
                    if isinstance(event, ServedTurn):
                        self._metrics.observe(event)
                    yield event
        except (EngineError, PromptError, PromptTooLongError, TimeoutError) as error:
            raise as_api_error(error, checked.chat.request_id) from error


def model_names(router: Router) -> tuple[str, ...]:
    """The names that a request may have as `model`: the agent's, which follows promotions, and the present one."""
    route = router.current()
    if route is None:
        raise unavailable("the model is not loaded yet; GET /ready says when it is", code="model_not_ready")
    return (route.model.agent, route.model.name)


async def _send_response(response: Response, scope: Scope, send: Send) -> None:
    async def nothing_to_receive() -> Any:
        raise ClientGoneError

    await response(scope, nothing_to_receive, send)
