"""Whether a tool turn reports a call that failed.

Invariant: only the text that the model saw decides, by the patterns below and those of the agent file
(`verification.error_forms`). A flag in a log (Anthropic's `is_error`, LangChain's `status`) enters the record as such
a text: `failed_result` puts `ERROR_PREFIX` before a text that does not report the error itself.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache

import msgspec
from msgspec import Raw, Struct

from toolft_pipeline.trajectories.record import Message, Part, Role

ERROR_PREFIX = "Error: "
"""Prefix of a failed call's result in the record and in the backend's answers on replay; LangGraph's ToolNode uses it
too (`TOOL_CALL_ERROR_TEMPLATE`, `INVALID_TOOL_NAME_ERROR_TEMPLATE`)."""

_PREFIXES = (
    ERROR_PREFIX,
    "Error executing tool ",  # MCP's Python SDK (FastMCP, `Tool.run`), LangGraph's ToolNode for handled exceptions
    "Error invoking tool ",  # LangGraph's ToolNode, for arguments that do not validate
    "Error calling tool ",  # the package fastmcp (`ToolManager.call_tool`)
    "An error occurred while running the tool",  # the OpenAI Agents SDK (`default_tool_error_function`)
)
_ERROR_KEY_WITHIN = 64
"""An object is parsed only if "rror" occurs in this many first characters: results are long, and few are errors."""


class _ErrorObject(Struct, gc=False):
    """An object that may report an error: `error` in JSON APIs and BFCL's backends, `isError` in MCP results."""

    error: Raw = Raw(b"null")
    is_error: Raw = msgspec.field(name="isError", default=Raw(b"false"))


_DECODER = msgspec.json.Decoder(_ErrorObject)
_EMPTY_ERRORS = frozenset({b"null", b"false", b'""', b"{}", b"[]"})
_ERROR_STARTS = (b'"', b"{", b"[", b"true")
"""First bytes of an `error` value that is a message. A number is a measurement."""


def is_error(message: Message, forms: Sequence[str] = ()) -> bool:
    """Whether a tool turn reports a failed call; `forms` are more regular expressions, matched at the text's start."""
    return message.role is Role.TOOL and _is_error_text(message.text, tuple(forms))


def failed_results(messages: Sequence[Message], forms: Sequence[str] = ()) -> tuple[int, ...]:
    """The results of a run that report a failed call, numbered among its results."""
    results = [message for message in messages if message.role is Role.TOOL]
    return tuple([number for number, result in enumerate(results) if is_error(result, forms)])


def failed_result(content: tuple[Part, ...]) -> tuple[Part, ...]:
    """Content of a result that its log flags as failed, prefixed if its text does not report the error."""
    text = "".join([part.text or "" for part in content if part.type == "text"])
    return content if _is_error_text(text, ()) else (Part(type="text", text=ERROR_PREFIX), *content)


def _is_error_text(text: str, forms: tuple[str, ...]) -> bool:
    if text.startswith(_PREFIXES):
        return True
    if text.startswith("{") and "rror" in text[:_ERROR_KEY_WITHIN] and _is_error_object(text):
        return True
    return bool(forms) and any(form.match(text) for form in _compiled(forms))


def _is_error_object(text: str) -> bool:
    try:
        parsed = _DECODER.decode(text)
    except (msgspec.DecodeError, RecursionError, UnicodeError):
        return False
    error = bytes(parsed.error)
    return bytes(parsed.is_error) == b"true" or (error.startswith(_ERROR_STARTS) and error not in _EMPTY_ERRORS)


@lru_cache
def _compiled(forms: tuple[str, ...]) -> tuple[re.Pattern[str], ...]:
    return tuple(re.compile(form) for form in forms)
