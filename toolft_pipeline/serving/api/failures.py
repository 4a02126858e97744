"""Failures while a request is answered, as the errors that a client may see."""

from __future__ import annotations

import logging

from toolft_pipeline.engines.engine import EngineBusyError, EngineError
from toolft_pipeline.serving.api.errors import SERVER_ERROR, ApiError, busy, internal, unavailable
from toolft_pipeline.serving.prompt import PromptError
from toolft_pipeline.serving.turn_service import PromptTooLongError

log = logging.getLogger("toolft.serving")


def as_api_error(error: Exception, request_id: str) -> ApiError:
    """The error that a client may see; what is the server's own business goes to the log, with the request id."""
    if isinstance(error, ApiError):
        return error
    if isinstance(error, PromptTooLongError | PromptError):
        return _unusable(error, request_id)
    if isinstance(error, EngineBusyError):
        return busy("the engine's queue is full; retry in a second")
    if isinstance(error, TimeoutError):
        headers = {"x-should-retry": "false"}  # read by the official clients: a retry would wait as long again
        message = "no answer within the time limit (serving.limits.timeout_s)"
        return ApiError(504, message, type_=SERVER_ERROR, code="timeout", headers=headers)
    if isinstance(error, EngineError):
        log.error("%s: %s", request_id, error)
        return unavailable(f"the engine failed; the server's log has it as {request_id}", code="engine_failed")
    log.error("%s: internal error", request_id, exc_info=error)
    return internal(request_id)


def _unusable(error: PromptTooLongError | PromptError, request_id: str) -> ApiError:
    if isinstance(error, PromptError):
        log.warning("%s: %s", request_id, error, exc_info=error.__cause__)
        return ApiError(400, str(error), place="messages")
    return ApiError(400, str(error), place="messages", code="context_length_exceeded")
