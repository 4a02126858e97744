"""Typed decoding of the usual line of an OpenAI chat log, which learns the keys that a file's lines have besides.

Invariant: a line is decoded only where every key of it is known: as one that is read, one that is harmless, or one
beside the messages that was met before and is handed out to be counted. What was learned changes no answer, only how
fast it comes: a line that is refused here is read by the reader that keeps records.
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
from toolft_pipeline.ingest.parsing.reading import NULL, Envelope

MAX_LEARNED_KEYS = 40
"""Keys that are learned at most: each costs a little on every line, and a log may make up a new one a line."""

PLAIN_MESSAGE_KEYS = frozenset({"id", "annotations", "weight", "timestamp", "created_at", "createdAt", "finish_reason"})
"""Harmless keys of a message that hold no calls."""

_UNKNOWN = re.compile(r"unknown field `([A-Za-z][A-Za-z0-9_]{0,40})`( - at `\$\.messages\[\d+\]`)?$")


class PlainFunction(Struct, gc=False, forbid_unknown_fields=True):
    """What a call asks for."""

    name: str
    arguments: str


class PlainCall(Struct, gc=False, forbid_unknown_fields=True):
    """A call of a function."""

    function: PlainFunction
    id: str | None = None
    type: Literal["function"] | None = None
    index: int | None = None


class PlainMessage(Struct, gc=False, forbid_unknown_fields=True):
    """A message whose content is a text."""

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


class PlainRun(Envelope, kw_only=True, gc=False, forbid_unknown_fields=True):
    """A line whose messages are all usual ones."""

    messages: Annotated[list[PlainMessage], Meta(min_length=1)]


class PlainLineDecoder:
    """Decodes lines, and learns from those that it refuses."""

    def __init__(self) -> None:
        self._beside: tuple[str, ...] = ()
        self._of_messages: tuple[str, ...] = ()
        self._counted: tuple[str, ...] = ()
        self._decoder: msgspec.json.Decoder[Any] = msgspec.json.Decoder(PlainRun)

    def decode(self, line: bytes) -> PlainRun:
        """The run of a line. Raises `msgspec.MsgspecError`, `UnicodeDecodeError` and `RecursionError`."""
        while True:
            try:
                run: PlainRun = self._decoder.decode(line)
            except msgspec.ValidationError as error:
                if not self._learns(str(error)):
                    raise
            else:
                return run

    def unread(self, run: PlainRun) -> Iterator[tuple[str, Raw]]:
        """The keys of a decoded run that are beside its messages and neither read nor known to be harmless."""
        for key in self._counted:
            value = getattr(run, key, NULL)
            if value is not NULL:
                yield key, value

    def _learns(self, error: str) -> bool:
        """Whether an error names a key that can be learned; it is from now on."""
        found = _UNKNOWN.search(error)
        if found is None or len(self._beside) + len(self._of_messages) >= MAX_LEARNED_KEYS or iskeyword(found.group(1)):
            return False
        key, of_message = found.group(1), found.group(2) is not None
        if of_message and key in PLAIN_MESSAGE_KEYS:
            self._of_messages += (key,)
        elif not of_message and (key in HARMLESS_RUN_KEYS or key not in KEYS.run) and not hasattr(PlainRun, key):
            self._beside += (key,)
            self._counted += () if key in HARMLESS_RUN_KEYS else (key,)
        else:
            return False
        message = defstruct("UsualMessage", _raw(self._of_messages), bases=(PlainMessage,), **_CONFIG)
        listed: Any = Annotated[list[message], Meta(min_length=1)]  # type: ignore[valid-type]
        fields: list[Any] = [("messages", listed), *_raw(self._beside)]
        self._decoder = msgspec.json.Decoder(defstruct("UsualRun", fields, bases=(PlainRun,), kw_only=True, **_CONFIG))
        return True


_CONFIG: dict[str, Any] = {"gc": False, "forbid_unknown_fields": True}


def _raw(keys: tuple[str, ...]) -> list[tuple[str, Any, Any]]:
    return [(key, Raw, NULL) for key in keys]
