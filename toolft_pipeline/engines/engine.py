"""The protocol of an engine: token ids in, text out.

Invariant: an engine never sees a message, a tool or a template. Prompts are the ids that training saw, and the text of
a turn is read by the chat format's own parser, so every engine serves what evaluation judged.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from enum import StrEnum
from typing import Protocol

from msgspec import Struct

from toolft_pipeline.errors import FixableError


class EngineError(FixableError, RuntimeError):
    """An engine cannot run or has failed; the message names the engine, the cause and the fix."""


class EngineBusyError(EngineError):
    """The engine's queue is full: the request was not taken, and may be sent again later."""


class ContextLengthError(EngineError):
    """Prompt and answer together do not fit into the model's context."""


class ModelGoneError(EngineError):
    """The server that the engine asks does not have the model, or has lost it."""


class EndReason(StrEnum):
    """Why a generation ended."""

    STOP = "stop"
    """The model wrote a stop token."""
    LENGTH = "length"
    """The token limit was reached before."""


class DecodeRequest(Struct, frozen=True, kw_only=True):
    """One prompt to answer. `temperature` 0 is greedy, the only mode that repeats bit for bit."""

    ids: tuple[int, ...]
    max_new_tokens: int
    temperature: float = 0.0
    top_p: float = 1.0
    seed: int | None = None
    grammar: str | None = None
    """A grammar (llguidance's Lark) that the text must follow; an engine that cannot apply it raises `EngineError`."""


class Chunk(Struct, frozen=True, kw_only=True):
    """The next part of a generation.

    The texts of all chunks together are the turn as `Generation.text`: special tokens written out, without the stop
    token. A chunk never ends within a character. The last chunk alone has an `end`; its text may be empty.
    """

    text: str
    token_ids: tuple[int, ...] = ()
    """The new tokens, the stop token too; empty where an engine does not tell them."""
    n_new_tokens: int = 0
    n_corrected: int = 0
    """Of the new tokens, those where the grammar forbade the most likely one."""
    queued_ms: float = 0.0
    """Time that the request waited for its place in the batch; set in the first chunk."""
    n_reused: int = 0
    """Prompt tokens whose keys and values were kept from an earlier request; set in the first chunk."""
    end: EndReason | None = None


class Engine(Protocol):
    """Generates the texts of many requests at once. Used from one event loop."""

    @property
    def max_context(self) -> int:
        """Tokens that prompt and answer may have together."""

    @property
    def failure(self) -> str | None:
        """Why the engine can answer no more, in one line; None while it can. Another one must take its place."""

    def stream(self, request: DecodeRequest) -> AsyncIterator[Chunk]:
        """Generate one answer. Closing the iterator (`aclose`) stops it and frees its place in the batch.

        Raises `EngineBusyError`, `ContextLengthError` or `EngineError`.
        """

    def load(self) -> tuple[int, int]:
        """How many requests run, and how many wait."""

    async def start(self) -> None:
        """Load the model; returns when the first request can be answered. Raises `EngineError`."""

    async def close(self) -> None:
        """Finish what runs, refuse what waits, free the memory, end every process; the second time does nothing."""
