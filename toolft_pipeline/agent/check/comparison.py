"""Where the messages of a request differ from the history that training makes of the same conversation.

Every difference has a name, the two texts, and what to change.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any

from msgspec import Struct

from toolft_pipeline.sandbox.protocol import failure_text

Message = dict[str, Any]


class Difference(Struct, frozen=True, kw_only=True):
    """One difference: what it is, where, what training has, what was sent, and the fix."""

    name: str
    where: str
    expected: str
    sent: str
    fix: str


def text_of(content: Any) -> str:
    """The text of a message's content; parts are joined as our server joins them."""
    if isinstance(content, list):
        return "".join(part if isinstance(part, str) else str(part.get("text", "")) for part in content)
    return content if isinstance(content, str) else ""


def message_differences(expected: Sequence[Message], sent: Sequence[Message]) -> Iterator[Difference]:
    """Compare a request's messages with those of training, one by one; both without system messages."""
    for place, (wanted, found) in enumerate(zip(expected, sent, strict=False)):
        if wanted["role"] != found.get("role"):
            yield Difference(
                name="another order of messages",
                where=f"message {place + 1}",
                expected=f"role {wanted['role']}",
                sent=f"role {found.get('role')}",
                fix="send every turn and every result in its order, and nothing between them",
            )
            return
        where = f"message {place + 1} ({wanted['role']})"
        if wanted["role"] == "assistant":
            yield from _assistant_differences(wanted, found, where)
        elif text_of(found.get("content")) != wanted["content"]:
            name, fix = _changed_text(wanted["content"], text_of(found.get("content")), found.get("content"))
            if wanted["role"] == "user":
                name, fix = "the user's text changed", "send the user's words alone"
            yield Difference(
                name=name, where=where, expected=wanted["content"], sent=text_of(found.get("content")), fix=fix
            )
    if len(sent) < len(expected):
        yield Difference(
            name="history truncated",
            where=f"after message {len(sent)}",
            expected=f"{len(expected)} messages",
            sent=f"{len(sent)} messages",
            fix="send the whole conversation, as training has it; no summary, no window of last messages",
        )
    if len(sent) > len(expected):
        yield Difference(
            name="messages added",
            where=f"after message {len(expected)}",
            expected=f"{len(expected)} messages",
            sent=json.dumps(sent[len(expected) :], ensure_ascii=False),
            fix="send the turns, the results and the user's texts alone",
        )


def _assistant_differences(expected: Message, sent: Message, where: str) -> Iterator[Difference]:
    wanted, found = expected["content"] or "", text_of(sent.get("content"))
    if wanted != found:
        dropped = bool(wanted) and not found and bool(expected.get("tool_calls"))
        yield Difference(
            name="text beside a call dropped" if dropped else "the assistant's text changed",
            where=where,
            expected=wanted,
            sent=found,
            fix="keep `content` of a message that has `tool_calls`, unchanged",
        )
    calls, made = expected.get("tool_calls", []), sent.get("tool_calls") or []
    if len(calls) != len(made):
        yield Difference(
            name="calls lost" if len(made) < len(calls) else "calls added",
            where=where,
            expected=f"{len(calls)} calls",
            sent=f"{len(made)} calls",
            fix="send the message with all its calls, parallel ones together in one message",
        )
    for number, (call, other) in enumerate(zip(calls, made, strict=False)):
        yield from _call_differences(call["function"], other.get("function", {}), f"{where}, call {number + 1}")


def _call_differences(call: dict[str, Any], sent: dict[str, Any], where: str) -> Iterator[Difference]:
    if call["name"] != sent.get("name"):
        yield Difference(
            name="tool renamed",
            where=where,
            expected=call["name"],
            sent=str(sent.get("name")),
            fix="offer and send tools under the names of the catalog; switch off prefixes of a server's name",
        )
    given = sent.get("arguments")
    text = given if isinstance(given, str) else json.dumps(given, ensure_ascii=False)
    wanted, value = json.loads(call["arguments"]), _json(text)
    if _ordered(value) == _ordered(wanted):
        return
    reordered = value == wanted and json.dumps(value, sort_keys=True) == json.dumps(wanted, sort_keys=True)
    yield Difference(
        name="arguments in another key order" if reordered else "arguments changed",
        where=where,
        expected=call["arguments"],
        sent=text,
        fix="hand on the argument text as it came; where it is parsed, keep the key order and numbers as they are",
    )


def _ordered(value: Any) -> str:
    """JSON text that equals another's if the values do, in the same key order and with the same kinds of number."""
    return json.dumps(value, ensure_ascii=False)


def _changed_text(expected: str, sent: str, raw: Any) -> tuple[str, str]:
    """The name and the fix of a tool's result that reads otherwise: the first that fits."""
    n_parts = len(raw) if isinstance(raw, list) else 1
    value, wanted = _json(sent), _json(expected)
    cases = (
        (
            expected.startswith("Error: ") and failure_text("check_fail", sent) == expected,
            'prefix "Error: " missing',
            "write a failed call as `Error: ` and the message; in LangGraph by load_mcp_tools(session, "
            "tool_interceptors=[training_text]) from toolft_pipeline.agent",
        ),
        (
            n_parts > 1 and expected.replace("\n", "") == sent,
            "parts of a result joined without a newline",
            "send a result as one text, its parts joined by newlines; `training_text` does",
        ),
        (
            sent != expected and _inside(value, expected),
            "result wrapped in JSON",
            "send the text of the result itself, without an object or quotes around it",
        ),
        (
            bool(sent) and expected.startswith(sent.removesuffix("...").removesuffix("…")),
            "result cut",
            "send results whole",
        ),
        (
            not expected,
            "empty result replaced",
            "send an empty text where the result is empty; `training_text` does",
        ),
        (
            not sent,
            "result lost",
            "send structured content as compact JSON text; `training_text` does",
        ),
        (
            value is not None and _ordered(value) == _ordered(wanted),
            "result with other escapes or spaces",
            "hand on the text as the tool wrote it",
        ),
        (
            isinstance(value, dict) and isinstance(wanted, dict),
            "arguments changed on the way to the tool",
            "the tool got other arguments than the model wrote: LangChain's tools lose arguments named `config`, "
            "`runtime` and `run_manager`; rename them, or use the loop of toolft_pipeline.agent",
        ),
        (True, "result changed", "send the text that the tool answered"),
    )
    return next((name, fix) for fits, name, fix in cases if fits)


def _json(text: str) -> Any:
    """The value of JSON text; None for any other text."""
    try:
        return json.loads(text)
    except ValueError:
        return None


def _inside(value: Any, expected: str) -> bool:
    """Whether a JSON value is the expected text, or holds it."""
    if isinstance(value, dict | list):
        return any(_inside(each, expected) for each in (value.values() if isinstance(value, dict) else value))
    return bool(expected) and value == expected
