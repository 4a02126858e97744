"""The messages of a request, made canonical.

Invariant: a shape is accepted if it means something that training could have seen, and then renders to the very ids of
training; any other is refused with its place. Nothing is repaired: text that is no JSON stays an error of the client.
"""

from __future__ import annotations

import json
from typing import Any

from toolft_pipeline.ingest.parsing.nested_json import MAX_NESTING, is_too_deep
from toolft_pipeline.ingest.parsing.reading import NO_ARGUMENTS, means_no_arguments
from toolft_pipeline.serving.api.places import Placed

_ROLES = {"system": "system", "developer": "system", "user": "user", "assistant": "assistant", "tool": "tool"}
_TEXT_PARTS = {"text": "text", "refusal": "refusal"}
_NO_MEANING: tuple[Any, ...] = ({}, [], "", None)


def checked_messages(messages: Placed) -> list[dict[str, Any]]:
    """The canonical messages. Raises `RequestError`."""
    if not messages.expect(list):
        raise messages.error("must hold at least one message")
    checked: list[dict[str, Any]] = []
    open_calls: dict[str, str] = {}
    for message in messages.items():
        canonical = _message(message)
        if canonical["role"] == "tool":
            _close_call(message, canonical, open_calls)
        else:
            _refuse_unanswered(message, open_calls)
            open_calls = {call["id"]: call["function"]["name"] for call in canonical.get("tool_calls", ())}
        checked.append(canonical)
    if checked[-1]["role"] == "assistant":
        calls = f"; the results of {', '.join(open_calls)} are missing" if open_calls else ""
        raise messages.error(f"the last message is the assistant's, so there is nothing to answer{calls}")
    if open_calls:
        raise messages.error(f"the results of these calls are missing: {', '.join(open_calls)}")
    return checked


def _message(message: Placed) -> dict[str, Any]:
    message.expect(dict)
    role = _ROLES.get(message["role"].expect(str))
    if role is None:
        raise message["role"].error(f"unknown role {message['role'].value[:40]!r}; use {', '.join(_ROLES)}")
    for key in ("function_call", "audio"):
        if message.value.get(key) not in _NO_MEANING:
            raise message[key].error("is not supported; send calls as tool_calls and speech as text")
    if role == "assistant":
        return _assistant(message)
    if message.value.get("tool_calls") not in _NO_MEANING:
        raise message["tool_calls"].error("only assistant messages have calls")
    content = message["content"]
    if content.value is None and role != "tool":
        raise content.error("must be text or a list of text parts, found null")
    canonical = {"role": role, "content": _text(content) or ""}
    if role == "tool":
        canonical["tool_call_id"] = message["tool_call_id"].expect(str)
    return canonical


def _assistant(message: Placed) -> dict[str, Any]:
    """An assistant turn: its text, also beside calls, and its calls."""
    text = _text(message["content"]) or _text(message["refusal"])
    calls = message["tool_calls"]
    canonical: dict[str, Any] = {"role": "assistant", "content": text or None}
    if calls.value is not None and (made := [_call(call) for call in calls.items()]):
        ids = [call["id"] for call in made]
        if len(set(ids)) < len(ids):
            raise calls.error("two calls have the same id")
        canonical["tool_calls"] = made
    return canonical


def _text(content: Placed) -> str:
    """The text of a message; parts are joined as the templates join them."""
    if content.value is None:
        return ""
    if isinstance(content.value, str):
        return content.value
    if type(content.value) is not list:
        raise content.error("must be text or a list of text parts")
    return "".join(map(_part, content.items()))


def _part(part: Placed) -> str:
    if isinstance(part.value, str):
        return part.value
    part.expect(dict)
    kind = part["type"].expect(str)
    if kind not in _TEXT_PARTS:
        raise part["type"].error(f"parts of type {kind[:40]!r} are not supported: the model is served with text alone")
    text: str = part[_TEXT_PARTS[kind]].expect(str)
    return text


def _call(call: Placed) -> dict[str, Any]:
    call.expect(dict)
    if call["type"].value not in ("function", None):
        raise call["type"].error("must be function; no other calls are supported")
    id_ = call["id"].expect(str)
    function = call["function"]
    function.expect(dict)
    name = function["name"].expect(str)
    if not id_ or not name:
        raise (call["id"] if not id_ else function["name"]).error("must not be empty")
    return {"id": id_, "type": "function", "function": {"name": name, "arguments": _arguments(function["arguments"])}}


def _arguments(arguments: Placed) -> str:
    """The JSON text of an arguments object; an empty text and null stand for no arguments, as in logs."""
    if isinstance(arguments.value, dict):
        return json.dumps(arguments.value, ensure_ascii=False)
    text: str = NO_ARGUMENTS if arguments.value is None else arguments.expect(str)
    if means_no_arguments(text):
        return NO_ARGUMENTS
    if is_too_deep(text.encode()):
        raise arguments.error(f"is nested deeper than {MAX_NESTING} levels")
    try:
        value = json.loads(text, parse_constant=_refuse_constant)
    except ValueError as error:
        raise arguments.error("is not JSON; send the text of one JSON object, or the object") from error
    if not isinstance(value, dict):
        raise arguments.error("is JSON, but not an object")
    return text


def _close_call(message: Placed, canonical: dict[str, Any], open_calls: dict[str, str]) -> None:
    """Match a result with its call, and name it: Gemma 4 renders the name of the tool."""
    name = open_calls.pop(canonical["tool_call_id"], None)
    if name is None:
        raise message["tool_call_id"].error("answers no call of the assistant message before it")
    canonical["name"] = name


def _refuse_unanswered(message: Placed, open_calls: dict[str, str]) -> None:
    if open_calls:
        raise message.error(f"comes before the results of these calls: {', '.join(open_calls)}")


def _refuse_constant(constant: str) -> None:
    raise ValueError(constant)
