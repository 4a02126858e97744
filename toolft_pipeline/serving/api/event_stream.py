"""A streamed answer on the wire: server-sent events of chat completion chunks."""

from __future__ import annotations

import json
from typing import Any

from starlette.types import Send

from toolft_pipeline.serving.api.answers import (
    chunk,
    envelope,
    extension,
    fingerprint,
    finish_reason,
    last_deltas,
    usage,
)
from toolft_pipeline.serving.api.errors import ApiError
from toolft_pipeline.serving.api.request_checks import CONVERSATION_HEADER
from toolft_pipeline.serving.chat_request import ChatRequest
from toolft_pipeline.serving.served_turn import ServedTurn
from toolft_pipeline.serving.turn_service import TextDelta


class EventStream:
    """A streamed answer on the wire."""

    def __init__(self, send: Send, request: ChatRequest, *, include_usage: bool) -> None:
        self._send = send
        self._request = request
        self._include_usage = include_usage
        self._head: dict[str, Any] = {}
        self._shown = ""
        self.started = False

    async def text(self, delta: TextDelta) -> None:
        """Send a text, and before the first one the status and the role."""
        if not self.started:
            await self._start(delta)
        if delta.text:
            self._shown += delta.text
            await self._event(chunk(self._head, {"content": delta.text}))

    async def end(self, turn: ServedTurn) -> None:
        """Send the rest of the turn, why it ended, its tokens if asked for, and the end mark."""
        self._head["system_fingerprint"] = fingerprint(turn)
        for delta in last_deltas(turn, shown=self._shown):
            await self._event(chunk(self._head, delta))
        await self._event({**chunk(self._head, {}, reason=finish_reason(turn)), "toolft": extension(turn)})
        if self._include_usage:
            await self._event({**self._head, "choices": [], "usage": usage(turn)})
        await self._write(b"data: [DONE]\n\n", more=False)

    async def fail(self, error: ApiError) -> None:
        """Send the error that ends a stream that has begun."""
        await self._event(error.body)
        await self._write(b"", more=False)

    async def _start(self, first: TextDelta) -> None:
        self.started = True
        self._head = envelope(self._request.request_id, first.model, kind="chat.completion.chunk")
        headers = {
            "content-type": "text/event-stream; charset=utf-8",
            "cache-control": "no-store",
            "x-accel-buffering": "no",  # nginx would hold the events back
            CONVERSATION_HEADER: first.conversation_id,
        }
        raw = [(name.lower().encode(), value.encode("latin-1")) for name, value in headers.items()]
        await self._send({"type": "http.response.start", "status": 200, "headers": raw})
        await self._event(chunk(self._head, {"role": "assistant", "content": ""}))

    async def _event(self, value: dict[str, Any]) -> None:
        await self._write(b"data: " + json.dumps(value, separators=(",", ":")).encode("ascii") + b"\n\n")

    async def _write(self, body: bytes, *, more: bool = True) -> None:
        await self._send({"type": "http.response.body", "body": body, "more_body": more})
