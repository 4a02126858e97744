"""Oracles: a second, independent rendering of recorded messages, for the proofs to compare with.

Invariant: an oracle implements its family's syntax by itself. It imports neither template, format, renderer nor parser,
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
    """A part of a row's text: a marker of the syntax, text between markers, or an image, whose sha256 is `text`."""

    text: str
    is_marker: bool = False
    is_image: bool = False


CATALOG = OraclePart("\0catalog")
"""Stands for the tools in a row; the record does not say what they are."""


def marker(text: str) -> OraclePart:
    """A part that is one control token, where the tokenizer knows it."""
    return OraclePart(text, is_marker=True)


class Oracle(ABC):
    """One family's syntax."""

    control: ClassVar[re.Pattern[str]]
    """Matches the first character of every control string."""
    turn_tokens: ClassVar[tuple[str, ...]]
    """Control tokens that begin and end turns: each must be one token of the tokenizer."""
    catalog_markers: ClassVar[frozenset[str]] = frozenset()
    """Control tokens in the text of a catalog."""
    image_markers: ClassVar[tuple[str, str, str] | None] = None
    """The tokens that open an image, fill it and close it; None for a family that renders no images."""
    text_tokens: ClassVar[str] = r"\s+"
    """Pattern of the added tokens that are ordinary text; every other one is control, and so are all special ones."""

    @abstractmethod
    def assistant_turn(self, message: Message) -> list[OraclePart]:
        """The whole assistant turn as it is trained, end of turn included."""

    @abstractmethod
    def conversation(self, messages: Sequence[Message], *, catalog: bool) -> list[OraclePart]:
        """A history that ends in a trained turn, from its first token to the end of that turn."""

    def with_images(self, parts: Iterable[OraclePart], tokens: Callable[[str], int]) -> list[OraclePart]:
        """Parts with each image written as markers; `tokens` maps the sha256 of an image to its number of tokens."""
        written: list[OraclePart] = []
        for part in parts:
            if not part.is_image:
                written.append(part)
            elif self.image_markers is not None:
                opens, one, closes = map(marker, self.image_markers)
                written += [opens, *[one] * tokens(part.text), closes]
        return written

    def is_control(self, token: str, *, special: bool) -> bool:
        """Whether an added token of the family's tokenizers is a control token."""
        return special or not re.fullmatch(self.text_tokens, token)

    def as_decoded(self, text: str) -> str:
        """Text as the family's tokenizers return it after encoding and decoding."""
        return text

    def neutral_text(self, text: str) -> str:
        """Text with a space after the first character of each control string."""
        return self.control.sub(lambda match: match.group() + " ", text)

    def expected_text(self, message: Message) -> str:
        """The text of an assistant turn."""
        return self.neutral_text(message.text.strip())

    def expected_reasoning(self, message: Message) -> str:
        """The reasoning of an assistant turn; empty for a family that renders none."""
        return ""

    def expected_calls(self, message: Message) -> list[tuple[str, str]]:
        """Name and canonical arguments of the recorded calls; key order does not matter, and 1 is not 1.0."""
        return [(call.name, canonical_json(argument_value(call.arguments_json))) for call in message.tool_calls]

    def json_text(self, value: Any) -> str:
        """A value as JSON with escaped control strings; text that is not JSON is only escaped."""
        return self._escaped(value if isinstance(value, _NotJson) else json.dumps(value, ensure_ascii=False))

    def _escaped(self, text: str) -> str:
        def escape(match: re.Match[str]) -> str:
            closing = text[match.end() : match.end() + 1] == "/"
            return "<\\" if closing else f"\\u{ord(match.group()):04x}"

        return self.control.sub(escape, text)


def image_parts(message: Message) -> list[OraclePart]:
    """The images that a message shows, in order."""
    return [OraclePart(part.image_sha256, is_image=True) for part in message.content if part.image_sha256 is not None]


def chat_message(message: Message) -> dict[str, Any]:
    """The message as a server has it after decoding a chat request; an image is given by its sha256."""
    chat: dict[str, Any] = {"role": message.role.value, "content": message.text}
    if image_parts(message):
        chat["content"] = [
            {"type": "text", "text": part.text or ""} if part.image_sha256 is None else _image(part.image_sha256)
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


def _image(sha256: str) -> dict[str, str]:
    return {"type": "image", "image": sha256}


def token_strings(form: str, names: str) -> list[str]:
    """Strings of one form from space-separated names: `token_strings("<|{}|>", "a b")` is `<|a|>` and `<|b|>`."""
    return [form.format(name) for name in names.split()]


def control_pattern(strings: Iterable[str]) -> re.Pattern[str]:
    """A pattern that matches the first character of each string."""
    return re.compile("|".join(f"{re.escape(one[0])}(?={re.escape(one[1:])})" for one in strings))


class _NotJson(str):
    """Argument text whose value cannot be written as UTF-8, or that is not JSON."""


def argument_value(arguments_json: str) -> Any:
    """The value of argument text, or the text itself where it is not JSON or its value cannot be written as UTF-8."""
    try:
        value = json.loads(arguments_json or "{}")
        json.dumps(value, ensure_ascii=False).encode()
    except ValueError:
        return _NotJson(arguments_json)
    return value


def canonical_json(value: Any) -> str:
    """JSON text that is the same for two values exactly where they are equal as JSON."""
    return json.dumps(value, sort_keys=True)


def last_user_index(messages: Sequence[Message]) -> int:
    """The index of the last user message, or -1."""
    return max((index for index, message in enumerate(messages) if message.role is Role.USER), default=-1)


def without_reasoning(message: Message) -> Message:
    """The message without its reasoning."""
    return msgspec.structs.replace(message, reasoning=None) if message.reasoning else message


def _plain(value: Any) -> Any:
    return str(value) if isinstance(value, _NotJson) else value
