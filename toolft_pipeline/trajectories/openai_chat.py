"""OpenAI chat JSONL: one line, one run.

Invariant: bytes in, a trajectory or a rejection out, never an exception and never a value that the line did not say.
Arguments of a tool call stay the text that the line carries (an object is kept as its own JSON text), malformed or
not: judging them against a catalog is verification's work.
"""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from typing import Annotated

import msgspec
from msgspec import Meta, Raw, Struct

from toolft_pipeline.trajectories.nesting import MAX_NESTING, too_deep
from toolft_pipeline.trajectories.record import (
    Message,
    Origin,
    Outcome,
    OutcomeStatus,
    Part,
    Role,
    Source,
    ToolCall,
    Trajectory,
    Usage,
)
from toolft_pipeline.trajectories.rejects import Rejection, RejectReason

FORMAT = "openai"

_NULL = Raw(b"null")
_Count = Annotated[int, Meta(ge=0, le=2**63 - 1)]
_ROLES = {**{role.value: role for role in Role}, "developer": Role.SYSTEM}


class _Part(Struct):
    type: str
    text: str | None = None


class _Function(Struct):
    name: str
    arguments: Raw = _NULL


class _Call(Struct):
    function: _Function
    id: str | None = None


class _Message(Struct):
    role: str
    content: str | list[_Part] | None = None
    refusal: str | None = None
    reasoning: str | None = None
    reasoning_content: str | None = None
    tool_calls: list[_Call] | None = None
    tool_call_id: str | None = None
    name: str | None = None
    function_call: Raw = _NULL
    audio: Raw = _NULL


class _Outcome(Struct):
    status: OutcomeStatus
    evidence: str | None = None


class _Usage(Struct):
    prompt_tokens: _Count | None = None
    completion_tokens: _Count | None = None
    latency_ms: Annotated[float, Meta(ge=0)] | None = None
    parse_failures: _Count | None = None


class _Run(Struct):
    messages: Annotated[list[_Message], Meta(min_length=1)]
    id: str | None = None
    started_at: str | None = None
    task_id: str | None = None
    task_key: str | None = None
    outcome: _Outcome | None = None
    tools: Raw = _NULL
    tools_ref: str | None = None
    initial_state: str | None = None
    final_state: str | None = None
    usage: _Usage | None = None


class _UnsupportedError(ValueError):
    """A part of the run that the record cannot carry."""


_DECODER = msgspec.json.Decoder(_Run)
_TEXT_DECODER = msgspec.json.Decoder(str)


def read_openai_line(line: bytes, *, agent: str, source: Source, golden: bool = False) -> Trajectory | Rejection:
    """The run that one line records, or why it is none.

    A line without an id is named after its own digest. `golden` is the reader's to say: a log cannot declare its own
    runs golden.
    """
    if too_deep(line):
        return Rejection(reason=RejectReason.NESTED_TOO_DEEP, detail=f"nested deeper than {MAX_NESTING} levels")
    try:
        run = _DECODER.decode(line)
        return _trajectory(run, line=line, agent=agent, source=source, golden=golden)
    except _UnsupportedError as error:
        return Rejection(reason=RejectReason.UNSUPPORTED_CONTENT, detail=str(error))
    except UnicodeDecodeError as error:
        return Rejection(reason=RejectReason.NOT_UTF8, detail=f"not UTF-8: {error.reason}")
    except msgspec.ValidationError as error:
        return _not_json(line) or Rejection(reason=RejectReason.WRONG_SHAPE, detail=_shape(error))
    except (msgspec.DecodeError, RecursionError) as error:
        return _not_json(line) or Rejection(reason=RejectReason.MALFORMED_JSON, detail=str(error))


def _not_json(line: bytes) -> Rejection | None:
    """Why a line is not JSON at all, None where it is: the typed decoder stops at the first of either fault.

    A line that lost its end is told from one that was never JSON by its last byte: an object ends in a brace.
    """
    try:
        msgspec.json.decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        start, end = line.strip()[:1], line.strip()[-1:]
        if start == b"{" and end != b"}":
            return Rejection(reason=RejectReason.TRUNCATED_LINE, detail=f"the line breaks off: {error}")
        return Rejection(reason=RejectReason.MALFORMED_JSON, detail=str(error))
    return None


def _shape(error: msgspec.ValidationError) -> str:
    """What was wanted and where. msgspec quotes the value of an unknown enum member, so that value is left out."""
    message = str(error)
    if not message.startswith("Invalid enum value"):
        return message
    return f"Invalid enum value - at {message.rpartition(' - at ')[2]}"


def _trajectory(run: _Run, *, line: bytes, agent: str, source: Source, golden: bool) -> Trajectory:
    outcome = run.outcome or _Outcome(status=OutcomeStatus.UNKNOWN)
    usage = run.usage or _Usage()
    return Trajectory(
        trajectory_id=run.id or f"sha256:{hashlib.sha256(line).hexdigest()}",
        agent=agent,
        source=source,
        started_at=None if run.started_at is None else _utc(run.started_at),
        task_id=run.task_id,
        task_key=run.task_key,
        outcome=Outcome(status=outcome.status, evidence=outcome.evidence),
        golden=golden,
        origin=Origin.GOLDEN if golden else Origin.LOGGED,
        messages=tuple(_message(message) for message in run.messages),
        tools_digest=run.tools_ref or _tools_digest(run.tools),
        initial_state_ref=run.initial_state,
        final_state_ref=run.final_state,
        usage=Usage(
            prompt_tokens=usage.prompt_tokens,
            completion_tokens=usage.completion_tokens,
            latency_ms=usage.latency_ms,
            parse_failures=usage.parse_failures,
        ),
    )


def _message(message: _Message) -> Message:
    role = _ROLES.get(message.role)
    if role is None:
        raise msgspec.ValidationError("Invalid role - at `$.messages[...].role`")
    if message.function_call != _NULL or message.audio != _NULL:
        raise _UnsupportedError("a message carries function_call or audio; only tool_calls and text are read")
    return Message(
        role=role,
        content=_content(message.content if message.content is not None else message.refusal),
        reasoning=message.reasoning or message.reasoning_content,
        tool_calls=tuple(_call(call) for call in message.tool_calls or ()),
        tool_call_id=message.tool_call_id,
        name=message.name,
    )


def _content(content: str | list[_Part] | None) -> tuple[Part, ...]:
    if not content:
        return ()
    if isinstance(content, str):
        return (Part(type="text", text=content),)
    if any(part.type != "text" for part in content):
        raise _UnsupportedError("a message carries a part that is not text; images and audio are not read")
    return tuple(Part(type="text", text=part.text or "") for part in content)


def _call(call: _Call) -> ToolCall:
    raw = bytes(call.function.arguments)
    text = _TEXT_DECODER.decode(raw) if raw.startswith(b'"') else raw.decode("utf-8")
    if too_deep(text.encode()):
        raise _UnsupportedError(f"arguments nested deeper than {MAX_NESTING} levels")
    return ToolCall(id=call.id or "", name=call.function.name, arguments_json=text)


def _tools_digest(tools: Raw) -> str | None:
    return None if tools == _NULL else f"sha256:{hashlib.sha256(bytes(tools)).hexdigest()}"


def _utc(text: str) -> str:
    """ISO 8601 in UTC with a Z; a time without zone is taken as UTC."""
    try:
        moment = datetime.fromisoformat(text)
        moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, OverflowError):
        raise msgspec.ValidationError("Expected ISO 8601 - at `$.started_at`") from None
    return moment.isoformat().replace("+00:00", "Z")
