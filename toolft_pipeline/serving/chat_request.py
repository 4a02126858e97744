"""One request for a chat completion, checked, in the project's own terms: nothing of HTTP is left in it."""

from __future__ import annotations

from enum import StrEnum
from typing import Any

from msgspec import Struct


class ToolChoice(StrEnum):
    """Which turns the client accepts."""

    AUTO = "auto"
    NONE = "none"
    """No call: a turn with one is reported as a fault."""
    REQUIRED = "required"
    """At least one call: a turn without one is reported as a fault."""


class ChatRequest(Struct, frozen=True, kw_only=True):
    """Messages and tools as the OpenAI protocol has them, every shape already made canonical.

    A message has `role` and `content` (text or None), and where they apply `tool_calls` (arguments as JSON text),
    `tool_call_id` and `name`. `tools` are the client's own; the prompt may use the catalog's text of the same tools.
    """

    request_id: str
    conversation_id: str | None
    """The client's own name of the conversation; None where it gives none."""
    client: str
    """The name of the key that authenticated the request; `local` without keys."""
    messages: list[dict[str, Any]]
    tools: list[dict[str, Any]]
    max_new_tokens: int
    temperature: float = 0.0
    top_p: float = 1.0
    seed: int | None = None
    tool_choice: ToolChoice = ToolChoice.AUTO
    named_tool: str | None = None
    """A tool that the client requires by name."""
    parallel_tool_calls: bool = True
    metadata: dict[str, str] = {}
    """The protocol's `metadata`: facts that only the client knows. `task_id`, `task_key`, `initial_state` and
    `final_state` reach the run's log line."""
