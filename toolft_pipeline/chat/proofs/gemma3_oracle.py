"""What gemma3 must make of a recorded message, said a second time, from the record alone.

Invariant: this module knows the syntax by itself. It imports neither template, format, renderer nor parser, so that
a fault in any of them cannot hide here.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Any, NamedTuple

from toolft_pipeline.trajectories.record import Message, Role, ToolCall

END_OF_TURN = "<end_of_turn>"
TURN_BORDERS = ("<start_of_turn>", END_OF_TURN)
WORD_BORDER = "\u2581"
"""The tokenizer writes spaces with this mark, so one in content comes back as a space."""

_NAMES = "bos|eos|pad|unk|mask|start_of_turn|end_of_turn|start_of_image|end_of_image|/?tool_call|/?tool_response"
_CONTROL = re.compile(rf"<(?=(?:{_NAMES})>|unused)|\[(?=multimodal\])")


def answer(message: Message) -> str:
    """The whole assistant turn as it is trained: text, calls one a line, end of turn."""
    said = neutral_text(message.text.strip())
    calls = [
        f'<tool_call>{{"name": {_json(call.name)}, "arguments": {_arguments(call)}}}</tool_call>'
        for call in message.tool_calls
    ]
    return "\n".join([said, *calls] if said else calls) + END_OF_TURN


class Turn(NamedTuple):
    """A turn of the text: who opens it, and the content between that line and the end of turn."""

    speaker: str
    content: str


def turns(messages: Sequence[Message], *, catalog: bool) -> list[Turn]:
    """The turns that a history makes, without the catalog that may open the first one.

    A system prompt opens the first user turn, results in a row share one.
    """
    system = messages[0].text if messages and messages[0].role is Role.SYSTEM else None
    spoken = messages if system is None else messages[1:]
    made = [Turn(*turn) for turn in _spoken(spoken)]
    if system or catalog:
        head = neutral_text(system or "")
        if not made or spoken[0].role is Role.ASSISTANT:
            return [Turn("user", head), *made]
        made[0] = Turn("user", f"{head}\n\n{made[0].content}" if head else made[0].content)
    return made


def _spoken(messages: Sequence[Message]) -> Iterator[tuple[str, str]]:
    for is_tool, run in groupby(messages, key=lambda message: message.role is Role.TOOL):
        if is_tool:
            yield "user", "\n".join(f"<tool_response>{neutral_text(one.text)}</tool_response>" for one in run)
            continue
        for message in run:
            if message.role is Role.ASSISTANT:
                yield "model", answer(message).removesuffix(END_OF_TURN)
            else:
                yield "user", neutral_text(message.text)


def calls(message: Message) -> list[tuple[str, str]]:
    """Name and canonical arguments of the recorded calls, comparable as JSON: key order aside, 1 is not 1.0."""
    return [(call.name, comparable(value_of(call.arguments_json))) for call in message.tool_calls]


def request(message: Message) -> dict[str, Any]:
    """The message as a server holds it after decoding a chat request."""
    chat: dict[str, Any] = {"role": message.role.value, "content": message.text}
    if message.tool_calls:
        chat["tool_calls"] = [
            {"type": "function", "function": {"name": call.name, "arguments": value_of(call.arguments_json)}}
            for call in message.tool_calls
        ]
    return chat


def is_control(token: str, *, special: bool) -> bool:
    """Whether an added token of the family's tokenizers is control: all but whitespace runs and HTML tags."""
    return special or not (token.isspace() or re.fullmatch(r"</?[a-z]+[1-6]?>", token))


def neutral_text(text: str) -> str:
    """Text whose control strings got a space behind their first character."""
    return _CONTROL.sub(lambda found: found.group() + " ", text)


def value_of(arguments_json: str) -> Any:
    """The value of argument text, or the text where the value cannot be written as UTF-8."""
    try:
        value = json.loads(arguments_json or "{}")
        json.dumps(value, ensure_ascii=False).encode()
    except ValueError:
        return arguments_json
    return value


def comparable(value: Any) -> str:
    """JSON text that is equal exactly where two values are equal as JSON."""
    return json.dumps(value, sort_keys=True)


def _arguments(call: ToolCall) -> str:
    value = value_of(call.arguments_json)
    return _escaped(value) if isinstance(value, str) else _json(value)


def _json(value: Any) -> str:
    return _escaped(json.dumps(value, ensure_ascii=False))


def _escaped(text: str) -> str:
    def escape(found: re.Match[str]) -> str:
        closing = text[found.end() : found.end() + 1] == "/"
        return "<\\" if closing else f"\\u{ord(found.group()):04x}"

    return _CONTROL.sub(escape, text)
