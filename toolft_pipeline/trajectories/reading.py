"""What the readers of one-run-a-line formats share: the guarded decode, and the fields around the messages.

Invariant: bytes in, a trajectory or a rejection out, never an exception and never a value that the line did not say.
Arguments of a tool call stay the text that the line carries (an object is kept as its own JSON text), malformed or
not: judging them against a catalog is verification's work.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Sequence
from datetime import UTC, datetime
from typing import ClassVar, Protocol, TypeVar

import msgspec
from msgspec import Raw, Struct

from toolft_pipeline.trajectories.category import tools_used
from toolft_pipeline.trajectories.inline_reasoning import InlineReasoningError, with_reasoning_apart
from toolft_pipeline.trajectories.nesting import MAX_NESTING, too_deep
from toolft_pipeline.trajectories.offered_tools import Offer, offer, unoffered
from toolft_pipeline.trajectories.printed_objects import PrintedObjectError, refuse_printed
from toolft_pipeline.trajectories.record import (
    Message,
    Origin,
    Outcome,
    OutcomeStatus,
    Part,
    Source,
    ToolCall,
    Trajectory,
    Usage,
)
from toolft_pipeline.trajectories.rejects import Rejection, RejectReason
from toolft_pipeline.warehouse.digest import digest_of

NULL = Raw(b"null")

_UNKNOWN = Outcome(status=OutcomeStatus.UNKNOWN)
_NO_USAGE = Usage()
_TEXT_DECODER = msgspec.json.Decoder(str)
_Read = TypeVar("_Read")


class LineReader(Protocol):
    """A reader of one-run-a-line logs. `golden` is the caller's to say: a log cannot declare its own runs golden."""

    def __call__(self, line: bytes, *, agent: str, source: Source, golden: bool = False) -> Trajectory | Rejection: ...


class RefusedError(ValueError):
    """A run that its reader refuses. The text never quotes the line's values."""

    reason: ClassVar[RejectReason]


class UnsupportedError(RefusedError):
    """A part of the run that the record cannot carry."""

    reason = RejectReason.UNSUPPORTED_CONTENT


class InvalidCallError(RefusedError):
    """A call that the agent's own parser could not read."""

    reason = RejectReason.INVALID_TOOL_CALL


class NestedTooDeepError(RefusedError):
    """A part of the run that no parser should be given."""

    reason = RejectReason.NESTED_TOO_DEEP

    def __init__(self) -> None:
        super().__init__(f"nested deeper than {MAX_NESTING} levels")


_NESTED_TOO_DEEP = Rejection(reason=NestedTooDeepError.reason, detail=str(NestedTooDeepError()))


class Envelope(Struct, kw_only=True, gc=False):
    """The fields of a line beside its messages: the same names in every format of one run a line.

    `final_state` is the digest of the backend's canonical state, or that state itself; a state with values that
    differ from run to run (`sandbox.volatile`) is logged as the digest of its masked form.
    """

    id: str | None = None
    started_at: str | None = None
    task_id: str | None = None
    task_key: str | None = None
    outcome: Outcome | None = None
    tools: Raw = NULL
    tools_ref: str | None = None
    initial_state: str | None = None
    final_state: Raw = NULL
    usage: Usage | None = None


def guarded(read: Callable[[], _Read], *, line: bytes = b"null") -> _Read | Rejection:
    """What `read` gives, every failure of it as a rejection; `line` is the JSON text that a failure lies in.

    Typed decoding makes no more of a line than its type says, and what it skips costs no stack without end. Parts
    that are kept whole and parsed again (`Raw`) are asked for their nesting where they are read.
    """
    try:
        return read()
    except (RefusedError, InlineReasoningError, PrintedObjectError) as error:
        return Rejection(reason=error.reason, detail=str(error))
    except UnicodeDecodeError as error:
        return Rejection(reason=RejectReason.NOT_UTF8, detail=f"not UTF-8: {error.reason}")
    except msgspec.ValidationError as error:
        return _not_json(line) or Rejection(reason=RejectReason.WRONG_SHAPE, detail=_shape(error))
    except RecursionError:
        return _NESTED_TOO_DEEP
    except msgspec.DecodeError as error:
        return _not_json(line) or Rejection(reason=RejectReason.MALFORMED_JSON, detail=str(error))


def trajectory(
    envelope: Envelope,
    messages: tuple[Message, ...],
    *,
    line: bytes,
    agent: str,
    source: Source,
    golden: bool,
    called: Collection[str] | None = None,
    offers: Sequence[Offer | None] | None = None,
) -> Trajectory:
    """The record of a run. A line without an id is named after its own digest.

    `called` are the tools that it calls, where its messages are not given; `offers` those that its requests offer,
    where they are not the envelope's alone.
    """
    refuse_printed(messages)
    own = offer(envelope.tools)
    return Trajectory(
        trajectory_id=envelope.id or f"sha256:{hashlib.sha256(line).hexdigest()}",
        agent=agent,
        source=source,
        started_at=None if envelope.started_at is None else _utc(envelope.started_at),
        task_id=envelope.task_id,
        task_key=envelope.task_key,
        outcome=envelope.outcome or _UNKNOWN,
        golden=golden,
        origin=Origin.GOLDEN if golden else Origin.LOGGED,
        messages=with_reasoning_apart(messages),
        tools_digest=envelope.tools_ref or (None if own is None else own.digest),
        unoffered_tools=unoffered(
            tools_used(messages) if called is None else called, (own,) if offers is None else offers
        ),
        initial_state_ref=envelope.initial_state,
        final_state_ref=_state_ref(envelope.final_state),
        usage=envelope.usage or _NO_USAGE,
    )


def text_parts(*texts: str | None) -> tuple[Part, ...]:
    """Content of text parts; none for what is empty."""
    return tuple([Part("text", text) for text in texts if text])


def shown_parts(*shown: str | Part | None) -> tuple[Part, ...]:
    """Content of texts and of parts that are ready; none for what is empty."""
    return tuple([one if isinstance(one, Part) else Part("text", one) for one in shown if one])


def tool_call(*, id_: str | None, name: str, arguments: Raw) -> ToolCall:
    """A call whose arguments are an object, or a JSON string that holds one."""
    raw = bytes(arguments)
    text = _TEXT_DECODER.decode(raw) if raw.startswith(b'"') else raw.decode("utf-8")
    if text.count("{") + text.count("[") > MAX_NESTING and too_deep(text.encode()):
        raise NestedTooDeepError
    return ToolCall(id_ or "", name, text)


def _not_json(line: bytes) -> Rejection | None:
    """Why a line is not JSON at all, None where it is: the typed decoder stops at the first of either fault.

    A line that lost its end is told from one that was never JSON by its last byte: an object ends in a brace.
    """
    try:
        msgspec.json.decode(line)
    except RecursionError:
        return _NESTED_TOO_DEEP
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        start, end = line.strip()[:1], line.strip()[-1:]
        if (start == b"{" and end != b"}") or (start == b"[" and end != b"]"):
            return Rejection(reason=RejectReason.TRUNCATED_LINE, detail=f"the line breaks off: {error}")
        return Rejection(reason=RejectReason.MALFORMED_JSON, detail=str(error))
    return None


def _shape(error: msgspec.ValidationError) -> str:
    """What was wanted and where. msgspec quotes the value of an unknown enum member, so that value is left out."""
    message = str(error)
    if not message.startswith("Invalid enum value"):
        return message
    return f"Invalid enum value - at {message.rpartition(' - at ')[2]}"


def _state_ref(state: Raw) -> str | None:
    if state == NULL:
        return None
    text = bytes(state)
    if text.startswith(b'"'):
        return _TEXT_DECODER.decode(text)
    if too_deep(text):
        raise NestedTooDeepError
    return f"sha256:{digest_of(msgspec.json.decode(text))}"


def _utc(text: str) -> str:
    """ISO 8601 in UTC with a Z; a time without zone is taken as UTC."""
    try:
        moment = datetime.fromisoformat(text)
        if moment.tzinfo is not UTC:
            moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, OverflowError):
        raise msgspec.ValidationError("Expected ISO 8601 - at `$.started_at`") from None
    return moment.isoformat()[: -len("+00:00")] + "Z"
