"""Fast typed decoder for plain lines of an OpenAI chat log.

A plain line has text content, string arguments and only known keys.

Invariant: a line is decoded only if every key of it is known: read, harmless, or an extra key next to the messages that
was learned from an earlier line and is counted. Learning changes only the speed, never a result: a line that this
decoder refuses is read by the general reader.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from keyword import iskeyword
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta, Raw, Struct, defstruct

from toolft_pipeline.ingest.lines.openai_chat import KEYS
from toolft_pipeline.ingest.parsing.keys_not_read import HARMLESS_RUN_KEYS
from toolft_pipeline.ingest.parsing.nested_json import NULL
from toolft_pipeline.ingest.parsing.reading import Envelope

MAX_LEARNED_KEYS = 40
"""Upper limit: each learned key costs time on every line, and a log may have a new key on each line."""

PLAIN_MESSAGE_KEYS = frozenset({"id", "annotations", "timestamp", "created_at", "createdAt", "finish_reason"})
"""Harmless keys of a message that cannot hold calls."""

_UNKNOWN = re.compile(r"unknown field `([A-Za-z][A-Za-z0-9_]{0,40})`( - at `\$\.messages\[\d+\]`)?$")


class PlainFunction(Struct, gc=False, forbid_unknown_fields=True):
    """The function of a call."""

    name: str
    arguments: str


class PlainCall(Struct, gc=False, forbid_unknown_fields=True):
    """A function call."""

    function: PlainFunction
    id: str | None = None
    type: Literal["function"] | None = None
    index: int | None = None


class PlainMessage(Struct, gc=False, forbid_unknown_fields=True):
    """A message whose content is text."""

    role: Literal["system", "user", "assistant", "tool"]
    content: str | None = None
    tool_calls: list[PlainCall] | None = None
    tool_call_id: str | None = None
    name: str | None = None
    reasoning: str | None = None
    reasoning_content: str | None = None
    refusal: None = None
    function_call: None = None
    audio: None = None
    weight: Literal[0, 1] | None = None
    train: bool | None = None

    @property
    def is_context(self) -> bool:
        """Whether the message is an assistant turn that is marked as context without loss."""
        return self.role == "assistant" and (self.weight == 0 or self.train is False)


class PlainRun(Envelope, kw_only=True, gc=False, forbid_unknown_fields=True):
    """A line whose messages are all plain."""

    messages: Annotated[list[PlainMessage], Meta(min_length=1)]


class PlainLineDecoder:
    """Decodes plain lines, and learns extra keys from lines that it refuses."""

    def __init__(self) -> None:
        self._run_keys: tuple[str, ...] = ()
        self._message_keys: tuple[str, ...] = ()
        self._counted_keys: tuple[str, ...] = ()
        self._decoder: msgspec.json.Decoder[Any] = msgspec.json.Decoder(PlainRun)

    def decode(self, line: bytes) -> PlainRun:
        """Decode a line.

        Raises `msgspec.MsgspecError`, `UnicodeDecodeError` and `RecursionError`.
        """
        while True:
            try:
                run: PlainRun = self._decoder.decode(line)
            except msgspec.ValidationError as error:
                if not self._learn(str(error)):
                    raise
            else:
                return run

    def keys_not_read(self, run: PlainRun) -> Iterator[tuple[str, Raw]]:
        """Yield the extra keys of a run that are neither read nor known to be harmless."""
        for key in self._counted_keys:
            value = getattr(run, key, NULL)
            if value is not NULL:
                yield key, value

    def _learn(self, error: str) -> bool:
        """Learn the key that an error names; False if it cannot be learned."""
        match = _UNKNOWN.search(error)
        if (
            match is None
            or len(self._run_keys) + len(self._message_keys) >= MAX_LEARNED_KEYS
            or iskeyword(match.group(1))
        ):
            return False
        key, in_message = match.group(1), match.group(2) is not None
        if in_message and key in PLAIN_MESSAGE_KEYS:
            self._message_keys += (key,)
        elif not in_message and (key in HARMLESS_RUN_KEYS or key not in KEYS.run) and not hasattr(PlainRun, key):
            self._run_keys += (key,)
            self._counted_keys += () if key in HARMLESS_RUN_KEYS else (key,)
        else:
            return False
        message = defstruct("PlainMessage", _raw_fields(self._message_keys), bases=(PlainMessage,), **_CONFIG)
        listed: Any = Annotated[list[message], Meta(min_length=1)]  # type: ignore[valid-type]
        fields: list[Any] = [("messages", listed), *_raw_fields(self._run_keys)]
        self._decoder = msgspec.json.Decoder(defstruct("PlainRun", fields, bases=(PlainRun,), kw_only=True, **_CONFIG))
        return True


_CONFIG: dict[str, Any] = {"gc": False, "forbid_unknown_fields": True}


def _raw_fields(keys: tuple[str, ...]) -> list[tuple[str, Any, Any]]:
    return [(key, Raw, NULL) for key in keys]
