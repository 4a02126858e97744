"""The canonical record of one agent run, whatever the log format it came from.

Invariant: a trajectory is never edited in place, and tool arguments stay JSON *text* from the log line to the chat
template. With one column per argument, every row would have the keys of every other row, and the model would learn to
write nulls that no agent wrote. Fields are in the order of the Arrow schema, because records inside a trajectory are
built column by column, by position.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

from msgspec import Meta, Struct

Count = Annotated[int, Meta(ge=0, le=2**63 - 1)]
"""A count that an Arrow int64 column can hold."""


class Role(StrEnum):
    """Role of a message's author."""

    SYSTEM = "system"
    USER = "user"
    ASSISTANT = "assistant"
    TOOL = "tool"


class OutcomeStatus(StrEnum):
    """Outcome of a run according to the agent's own log."""

    SUCCESS = "success"
    FAILURE = "failure"
    UNKNOWN = "unknown"


class Origin(StrEnum):
    """Where a trajectory came from."""

    LOGGED = "logged"
    GOLDEN = "golden"
    SAMPLED = "sampled"
    SERVED = "served"
    """Our own models wrote every assistant turn."""
    MIXED = "mixed"
    """Our server answered, but another model wrote at least one assistant turn: never counted or weighed as ours."""


SERVED = frozenset({Origin.SERVED, Origin.MIXED})
"""Runs that our own server answered: they say nothing about the incumbent."""


class Part(Struct, frozen=True, gc=False):
    """One content part of a message: a text, or an image by its sha256 (never by a URL)."""

    type: str
    text: str | None = None
    image_sha256: str | None = None
    mime: str | None = None


class ToolCall(Struct, frozen=True, gc=False):
    """A tool call by the model; `arguments_json` is the text of one JSON object."""

    id: str
    name: str
    arguments_json: str


class Message(Struct, frozen=True, gc=False):
    """One turn. Assistant turns have `tool_calls`; tool turns have `tool_call_id` and `name`.

    `train` is False for an assistant turn that its log marks as context without loss; it is True for all other turns.
    """

    role: Role
    content: tuple[Part, ...] = ()
    reasoning: str | None = None
    tool_calls: tuple[ToolCall, ...] = ()
    tool_call_id: str | None = None
    name: str | None = None
    train: bool = True

    @property
    def text(self) -> str:
        """The text parts joined; images contribute nothing."""
        if len(self.content) == 1 and self.content[0].type == "text":  # nearly always; skips the join
            return self.content[0].text or ""
        return "".join([part.text or "" for part in self.content if part.type == "text"])


class Source(Struct, frozen=True, gc=False):
    """Where in the logs a trajectory was read: file, 1-based line, byte offset of its first byte."""

    file: str
    line: int
    offset: int
    format: str


class Outcome(Struct, frozen=True, gc=False):
    """The logged outcome of a run, with the sentence or flag that is its evidence."""

    status: OutcomeStatus
    evidence: str | None = None


class Usage(Struct, frozen=True, gc=False):
    """What the run cost the incumbent: tokens summed over turns, wall time in milliseconds."""

    prompt_tokens: Count | None = None
    completion_tokens: Count | None = None
    latency_ms: Annotated[float, Meta(ge=0)] | None = None
    parse_failures: Count | None = None


class Trajectory(Struct, frozen=True, kw_only=True, gc=False):
    """One run of the agent, from the first message to the last.

    `tools_digest` identifies the catalog that the run was offered. `unoffered_tools` are tools that it calls although
    its log lists the offered tools without them. `initial_state_ref` is the argument of the sandbox's reset tool;
    `final_state_ref` is "sha256:" + digest of the canonical JSON of the sandbox's snapshot at the end. `started_at` is
    ISO 8601 in UTC.
    """

    trajectory_id: str
    agent: str
    source: Source
    started_at: str | None = None
    task_id: str | None = None
    task_key: str | None = None
    outcome: Outcome
    golden: bool = False
    origin: Origin = Origin.LOGGED
    messages: tuple[Message, ...]
    tools_digest: str | None = None
    unoffered_tools: tuple[str, ...] = ()
    initial_state_ref: str | None = None
    final_state_ref: str | None = None
    usage: Usage = Usage()


def text_message(role: Role, text: str) -> Message:
    """A message with one text part, or with no part if the text is empty."""
    return Message(role=role, content=(Part(type="text", text=text),) if text else ())
