"""Bodies of requests, and what the checks make of them."""

from __future__ import annotations

from typing import Any

import pytest

from toolft_pipeline.serving.api.errors import ApiError
from toolft_pipeline.serving.api.request_checks import CheckedRequest, Sender, checked_request
from toolft_pipeline.settings.serving import ServerLimits

USER = {"role": "user", "content": "Hi"}


CALL = {"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}}


RESULT = {"role": "tool", "tool_call_id": "c", "content": "ok"}


def check(header: str | None = None, strict_holds: bool = False, limits: Any = None, **body: Any) -> CheckedRequest:
    import json

    sender = Sender(request_id="r", client="local", conversation_header=header)
    body = {"model": "tests", "messages": [USER], **body}
    text = json.dumps({key: value for key, value in body.items() if value != "left out"}).encode()
    return checked_request(text, sender, limits=limits or ServerLimits(), strict_holds=strict_holds)


def problem(**body: Any) -> str:
    with pytest.raises(ApiError) as caught:
        check(**body)
    assert caught.value.status == 400
    error = caught.value.body["error"]
    assert error["type"] == "invalid_request_error"
    assert str(error["message"]).startswith(f"{error['param']}: ")
    return str(error["message"])


def history(*messages: dict[str, Any]) -> list[dict[str, Any]]:
    return check(messages=list(messages)).chat.messages


def assistant(**fields: Any) -> dict[str, Any]:
    return {"role": "assistant", "content": None, "tool_calls": [CALL], **fields}


def arguments(value: Any) -> dict[str, Any]:
    return assistant(tool_calls=[{**CALL, "function": {"name": "f", "arguments": value}}])
