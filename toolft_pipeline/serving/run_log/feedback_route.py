"""POST /feedback: how a conversation ended, by the client that held it.

Invariant: keys, body size and content type are checked by the server around this route, which sets
`request.state.client`; a client reaches its own conversations alone. An answer of 200 means that the feedback is on
disk.
"""

from __future__ import annotations

import asyncio
import logging
import queue
from concurrent.futures import Future
from typing import Annotated, Literal, Protocol

import msgspec
from msgspec import Meta, Struct, structs
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from toolft_pipeline.ingest.log_file import LogError
from toolft_pipeline.serving.run_log.feedback import Feedback, FeedbackResult, FeedbackStatus

FEEDBACK_PATH = "/feedback"

Name = Annotated[str, Meta(min_length=1, max_length=200)]
State = Annotated[str, Meta(min_length=1, max_length=10_000)]
Text = Annotated[str, Meta(max_length=5_000)]

_LOG = logging.getLogger(__name__)


class FeedbackBody(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The body of a request."""

    conversation_id: Name
    outcome: Literal["success", "failure"]
    evidence: Text | None = None
    comment: Text | None = None
    over: bool = True
    initial_state: State | None = None
    final_state: State | None = None


_DECODER = msgspec.json.Decoder(FeedbackBody)


class TakesFeedback(Protocol):
    """The run log, or what stands before it."""

    def give(self, feedback: Feedback) -> Future[FeedbackResult]:
        """Store feedback; the future raises `OSError`, `LogError` or `queue.Full` if it cannot be stored."""


def feedback_route(run_log: TakesFeedback) -> Route:
    """The route, for the server's `extra_routes`."""

    async def feedback(request: Request) -> Response:
        try:
            body = _DECODER.decode(await request.body())
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            return _error(400, f"the body is no feedback: {error}", code="invalid_feedback")
        given = Feedback(client=request.state.client, **structs.asdict(body))
        try:
            result = await asyncio.wrap_future(run_log.give(given))
        except (OSError, LogError, queue.Full) as error:
            _LOG.error("feedback was not stored: %s", error)
            return _error(503, "the feedback cannot be stored now; send it again later", code="not_stored")
        return _response(body, result)

    return Route(FEEDBACK_PATH, feedback, methods=["POST"])


def _response(body: FeedbackBody, result: FeedbackResult) -> Response:
    if result.status is FeedbackStatus.UNKNOWN:
        message = (
            f"no conversation {body.conversation_id!r} of this client; send the id of an answer's `conversation_id`"
        )
        return _error(404, message, code=result.status.value)
    if result.status is FeedbackStatus.CONFLICT:
        return _error(409, result.detail or "", code=result.status.value)
    answer = {
        "conversation_id": body.conversation_id,
        "outcome": body.outcome,
        "status": result.status.value,
        "run": result.run,
    }
    return _json(200, answer)


def _error(status: int, message: str, *, code: str) -> Response:
    """An error in OpenAI's shape."""
    kind = "server_error" if status >= 500 else "invalid_request_error"
    return _json(status, {"error": {"message": message, "type": kind, "param": None, "code": code}})


def _json(status: int, value: object) -> Response:
    headers = {"Retry-After": "1"} if status == 503 else None
    return Response(msgspec.json.encode(value), status, media_type="application/json", headers=headers)
