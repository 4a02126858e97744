"""What a format must make of recorded messages, said a second time, from the record alone.

Invariant: an oracle knows its family's syntax by itself. It imports neither template, format, renderer nor parser,
so that a fault in any of them cannot hide here.
"""

from __future__ import annotations

import json
import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Sequence
from typing import Any, ClassVar, NamedTuple

import msgspec

from toolft_pipeline.trajectories.record import Message, Role


class OraclePart(NamedTuple):
    """A stretch of a row's text: a marker of the syntax, or what stands between markers; or an image, `text` its
    sha256."""

    text: str
    is_marker: bool = False
    is_image: bool = False


CATALOG = OraclePart("\0catalog")
"""Stands in a row where the tools stand; what they are is not in the record."""


def marker(text: str) -> OraclePart:
    """A part that is one control token, where the tokenizer knows it."""
    return OraclePart(text, is_marker=True)


class Oracle(ABC):
    """One family's syntax, written from the record."""

    control: ClassVar[re.Pattern[str]]
    """Matches the first character of every control string."""
    turn_markers: ClassVar[tuple[str, ...]]
    """Control tokens that begin and end turns: each must be one token of the tokenizer."""
    catalog_markers: ClassVar[frozenset[str]] = frozenset()
    """Control tokens that the text of a catalog is made of."""
    image_markers: ClassVar[tuple[str, str, str] | None] = None
    """What opens an image, what stands for each of its tokens, what closes it; None for a family that shows none."""
    text_tokens: ClassVar[str] = r"\s+"
    """Pattern of the added tokens that are ordinary text; every other one is control, and so are all special ones."""

    @abstractmethod
    def assistant_turn(self, message: Message) -> list[OraclePart]:
        """The whole assistant turn as it is trained, end of turn included."""

    @abstractmethod
    def row(self, messages: Sequence[Message], *, catalog: bool) -> list[OraclePart]:
        """A history that ends in a trained turn, from the first token to the end of that turn."""

    def with_images(self, parts: Iterable[OraclePart], tokens: Callable[[str], int]) -> list[OraclePart]:
        """Parts whose images are written in markers; `tokens` says how many an image takes, by its sha256."""
        written: list[OraclePart] = []
        for part in parts:
            if not part.is_image:
                written.append(part)
            elif self.image_markers is not None:
                opens, one, closes = map(marker, self.image_markers)
                written += [opens, *[one] * tokens(part.text), closes]
        return written

    def is_control(self, token: str, *, special: bool) -> bool:
        """Whether an added token of the family's tokenizers is control."""
        return special or not re.fullmatch(self.text_tokens, token)

    def decoded(self, text: str) -> str:
        """Text as it comes back from the family's tokenizers."""
        return text

    def neutral_text(self, text: str) -> str:
        """Text whose control strings got a space behind their first character."""
        return self.control.sub(lambda found: found.group() + " ", text)

    def expected_text(self, message: Message) -> str:
        """The text of an assistant turn."""
        return self.neutral_text(message.text.strip())

    def expected_reasoning(self, message: Message) -> str:
        """The reasoning of an assistant turn; empty for a family that renders none."""
        return ""

    def calls(self, message: Message) -> list[tuple[str, str]]:
        """Name and canonical arguments of the recorded calls, comparable as JSON: key order aside, 1 is not 1.0."""
        return [(call.name, canonical_json(argument_value(call.arguments_json))) for call in message.tool_calls]

    def json_text(self, value: Any) -> str:
        """A value as JSON whose control strings are escaped; a text that is not JSON stays as it is."""
        return self._escaped(value if isinstance(value, _NotJson) else json.dumps(value, ensure_ascii=False))

    def _escaped(self, text: str) -> str:
        def escape(found: re.Match[str]) -> str:
            closing = text[found.end() : found.end() + 1] == "/"
            return "<\\" if closing else f"\\u{ord(found.group()):04x}"

        return self.control.sub(escape, text)


def image_parts(message: Message) -> list[OraclePart]:
    """The images that a message shows, in order."""
    return [OraclePart(part.image_sha256, is_image=True) for part in message.content if part.image_sha256 is not None]


def chat_message(message: Message) -> dict[str, Any]:
    """The message as a server holds it after decoding a chat request; a picture stands there by its sha256."""
    chat: dict[str, Any] = {"role": message.role.value, "content": message.text}
    if image_parts(message):
        chat["content"] = [
            {"type": "text", "text": part.text or ""} if part.image_sha256 is None else _picture(part.image_sha256)
            for part in message.content
        ]
    if message.reasoning:
        chat["reasoning_content"] = message.reasoning
    if message.tool_calls:
        chat["tool_calls"] = [
            {
                "id": call.id,
                "type": "function",
                "function": {"name": call.name, "arguments": _plain(argument_value(call.arguments_json))},
            }
            for call in message.tool_calls
        ]
    if message.role is Role.TOOL:
        chat |= {"tool_call_id": message.tool_call_id, "name": message.name}
    return chat


def _picture(sha256: str) -> dict[str, str]:
    return {"type": "image", "image": sha256}


def token_strings(form: str, names: str) -> list[str]:
    """Strings of one form, from names between spaces: `token_strings("<|{}|>", "a b")` is `<|a|>` and `<|b|>`."""
    return [form.format(name) for name in names.split()]


def control_pattern(strings: Iterable[str]) -> re.Pattern[str]:
    """A pattern of the first character of each string."""
    return re.compile("|".join(f"{re.escape(one[0])}(?={re.escape(one[1:])})" for one in strings))


class _NotJson(str):
    """Argument text whose value cannot be written as UTF-8, or that is not JSON."""


def argument_value(arguments_json: str) -> Any:
    """The value of argument text, or the text where the value cannot be written as UTF-8."""
    try:
        value = json.loads(arguments_json or "{}")
        json.dumps(value, ensure_ascii=False).encode()
    except ValueError:
        return _NotJson(arguments_json)
    return value


def canonical_json(value: Any) -> str:
    """JSON text that is equal exactly where two values are equal as JSON."""
    return json.dumps(value, sort_keys=True)


def last_user_index(messages: Sequence[Message]) -> int:
    """The place of the last user message, or -1."""
    return max((place for place, message in enumerate(messages) if message.role is Role.USER), default=-1)


def without_reasoning(message: Message) -> Message:
    """The message without its reasoning."""
    return msgspec.structs.replace(message, reasoning=None) if message.reasoning else message


def _plain(value: Any) -> Any:
    return str(value) if isinstance(value, _NotJson) else value
