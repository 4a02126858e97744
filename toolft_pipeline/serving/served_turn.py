"""What one request ended in: the assistant's message or its fault, and everything that a log must know of it."""

from __future__ import annotations

from enum import StrEnum
from typing import Any

from msgspec import Struct

from toolft_pipeline.chat.rendering.parsing import ParsedTurn
from toolft_pipeline.serving.chat_request import ChatRequest


class TurnFault(StrEnum):
    """Why a turn is no message that an agent may act on."""

    CUT = "length"
    """The token limit was reached: OpenAI's own word, which clients know."""
    MALFORMED = "malformed_tool_call"
    """A call that does not parse, or control text beside an answer."""
    UNKNOWN_TOOL = "unknown_tool"
    """A call of a tool that was not offered."""
    TOOL_CHOICE = "tool_choice"
    """The turn disobeys the request's `tool_choice`."""


class Arm(StrEnum):
    """Which model answered."""

    CHAMPION = "champion"
    CANDIDATE = "candidate"


class ServedTurn(Struct, frozen=True, kw_only=True):
    """One answered request.

    `invalid_arguments` are the validator's reasons of calls that are handed on all the same (the tool will refuse
    them, as in training). `fallback` is the name of the endpoint that answered in place of the model, if one did; its
    answer is `fallback_message`, and `turn` stays the model's own.
    """

    request: ChatRequest
    conversation_id: str
    started_at: str
    """UTC, ISO 8601."""
    agent: str
    model_day: str
    model_digest: str
    """Content digest of the merged model."""
    adapter_digest: str | None
    arm: Arm = Arm.CHAMPION
    prompt_ids: tuple[int, ...]
    completion_ids: tuple[int, ...]
    n_new_tokens: int
    raw_text: str
    turn: ParsedTurn
    fault: TurnFault | None
    fault_detail: str | None = None
    cut_text: str | None = None
    """The text of a cut answer in which no call had begun."""
    invalid_arguments: tuple[str, ...] = ()
    constrained_changes: int = 0
    """Tokens where the grammar forbade the model's own choice: a wrong call may have become one that looks right."""
    catalog_drift: bool = False
    catalog_tokens_saved: int = 0
    """Tokens that the offered tools would have added to the prompt, had it shown them in full."""
    fallback: str | None = None
    fallback_message: dict[str, Any] | None = None
    call_ids: tuple[str, ...] = ()
    """Ids of the calls of the message that the client was sent."""
    latency_ms: float
    first_token_ms: float | None = None
    queued_ms: float = 0.0
