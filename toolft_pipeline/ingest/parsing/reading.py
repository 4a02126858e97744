"""What the readers of one-run-a-line formats share: the guarded decode, and the fields around the messages.

Invariant: bytes in, a trajectory or a rejection out, never an exception and never a value that the line did not say.
Arguments of a tool call stay the text that the line carries (an object is kept as its own JSON text), malformed or
not: judging them against a catalog is verification's work.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Sequence
from typing import ClassVar, Protocol, TypeVar

import msgspec
from msgspec import Raw, Struct

from toolft_pipeline.errors import FixableError
from toolft_pipeline.ingest.parsing.broken_json import TOO_DEEP, explain_invalid_json
from toolft_pipeline.ingest.parsing.inline_reasoning import InlineReasoningError, separate_reasoning
from toolft_pipeline.ingest.parsing.logged_values import (
    LoggedOutcome,
    final_state,
    id_as_text,
    initial_state,
    outcome,
    start_time,
)
from toolft_pipeline.ingest.parsing.nested_json import MAX_NESTING, is_too_deep
from toolft_pipeline.ingest.parsing.offered_tools import ToolOffer, offer, unoffered
from toolft_pipeline.ingest.parsing.python_literals import PythonReprError, refuse_python_reprs
from toolft_pipeline.ingest.parsing.rejects import Rejection, RejectReason
from toolft_pipeline.trajectories.category import tools_used
from toolft_pipeline.trajectories.record import (
    Message,
    Origin,
    Part,
    Source,
    ToolCall,
    Trajectory,
    Usage,
)

NULL = Raw(b"null")

_NO_USAGE = Usage()
_TEXT_DECODER = msgspec.json.Decoder(str)
_Read = TypeVar("_Read")


class LineReader(Protocol):
    """A reader of one-run-a-line logs. `golden` is the caller's to say: a log cannot declare its own runs golden."""

    def __call__(self, line: bytes, *, agent: str, source: Source, golden: bool = False) -> Trajectory | Rejection: ...


class RefusedError(FixableError, ValueError):
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
        super().__init__(TOO_DEEP.detail)


class Envelope(Struct, kw_only=True, gc=False):
    """The fields of a line beside its messages: the same names in every format of one run a line, each as loggers
    write it (`logged_values`).

    `final_state` is the digest of the backend's canonical state, or that state itself; a state with values that
    differ from run to run (`sandbox.volatile`) is logged as the digest of its masked form.
    """

    id: str | int | None = None
    started_at: str | int | float | None = None
    task_id: str | int | None = None
    task_key: str | int | None = None
    outcome: LoggedOutcome | str | bool | None = None
    tools: Raw = NULL
    tools_ref: str | None = None
    initial_state: Raw = NULL
    final_state: Raw = NULL
    usage: Usage | None = None


def guarded(read: Callable[[], _Read], *, line: bytes = b"null") -> _Read | Rejection:
    """What `read` gives, every failure of it as a rejection; `line` is the JSON text that a failure lies in.

    Typed decoding makes no more of a line than its type says, and what it skips costs no stack without end. Parts
    that are kept whole and parsed again (`Raw`) are asked for their nesting where they are read.
    """
    try:
        return read()
    except (RefusedError, InlineReasoningError, PythonReprError) as error:
        return Rejection(reason=error.reason, detail=str(error))
    except UnicodeDecodeError as error:
        return Rejection(reason=RejectReason.NOT_UTF8, detail=f"not UTF-8: {error.reason}")
    except msgspec.ValidationError as error:
        return explain_invalid_json(line) or Rejection(reason=RejectReason.WRONG_SHAPE, detail=_shape(error))
    except RecursionError:
        return TOO_DEEP
    except msgspec.DecodeError as error:
        return explain_invalid_json(line) or Rejection(reason=RejectReason.MALFORMED_JSON, detail=str(error))


def trajectory(
    envelope: Envelope,
    messages: tuple[Message, ...],
    *,
    line: bytes,
    agent: str,
    source: Source,
    golden: bool,
    called: Collection[str] | None = None,
    offers: Sequence[ToolOffer | None] | None = None,
) -> Trajectory:
    """The record of a run. A line without an id is named after its own digest.

    `called` are the tools that it calls, where its messages are not given; `offers` those that its requests offer,
    where they are not the envelope's alone.
    """
    if messages:  # a batch of columns has none here
        refuse_python_reprs(messages)
        messages = separate_reasoning(messages)
    own = offer(envelope.tools)
    return Trajectory(
        trajectory_id=id_as_text(envelope.id) or f"sha256:{hashlib.sha256(line).hexdigest()}",
        agent=agent,
        source=source,
        started_at=start_time(envelope.started_at),
        task_id=id_as_text(envelope.task_id),
        task_key=id_as_text(envelope.task_key),
        outcome=outcome(envelope.outcome),
        golden=golden,
        origin=Origin.GOLDEN if golden else Origin.LOGGED,
        messages=messages,
        tools_digest=envelope.tools_ref or (None if own is None else own.digest),
        unoffered_tools=unoffered(
            tools_used(messages) if called is None else called, (own,) if offers is None else offers
        ),
        initial_state_ref=initial_state(envelope.initial_state),
        final_state_ref=final_state(envelope.final_state),
        usage=envelope.usage or _NO_USAGE,
    )


def text_parts(*texts: str | None) -> tuple[Part, ...]:
    """Content of text parts; none for what is empty."""
    return tuple([Part("text", text) for text in texts if text])


def joined_parts(*shown: str | Part | None) -> tuple[Part, ...]:
    """Content of texts and of parts that are ready; none for what is empty."""
    return tuple([one if isinstance(one, Part) else Part("text", one) for one in shown if one])


NO_ARGUMENTS = "{}"


def tool_call(*, id_: str | int | None, name: str, arguments: Raw) -> ToolCall:
    """A call whose arguments are an object, or a JSON string that holds one. Several servers write an empty text or
    null for a call without arguments: those count as the empty object, which the catalog then judges."""
    raw = bytes(arguments)
    text = _TEXT_DECODER.decode(raw) if raw.startswith(b'"') else raw.decode("utf-8")
    if means_no_arguments(text):
        text = NO_ARGUMENTS
    if text.count("{") + text.count("[") > MAX_NESTING and is_too_deep(text.encode()):
        raise NestedTooDeepError
    return ToolCall(id_as_text(id_) or "", name, text)


def means_no_arguments(text: str) -> bool:
    """Whether a call's argument text stands for no arguments at all."""
    return len(text) < _LONGEST_NOTHING and text.strip() in ("", "null", "None")


_LONGEST_NOTHING = 16


def placed(error: msgspec.ValidationError, where: str) -> msgspec.ValidationError:
    """The error of a part that was decoded by itself, at its place in the line."""
    said, _, path = str(error).partition(" - at `$")
    return msgspec.ValidationError(f"{said} - at `{where}{path or '`'}")


def _shape(error: msgspec.ValidationError) -> str:
    """What was wanted and where. msgspec quotes the value of an unknown enum member, so that value is left out."""
    message = str(error)
    if not message.startswith("Invalid enum value"):
        return message
    return f"Invalid enum value - at {message.rpartition(' - at ')[2]}"
