"""What all readers share.

It turns errors into rejections, and builds records, tool calls and content parts.

Invariant: bytes in, a trajectory or a rejection out. A reader never raises and never adds a value that the line does
not contain. Tool arguments stay the text of the line, valid or not (an object is kept as its own JSON text): checking
them against a catalog is verification's task.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Sequence
from typing import Protocol, TypeVar

import msgspec
from msgspec import Raw, Struct

from toolft_pipeline.ingest.parsing.broken_json import explain_invalid_json
from toolft_pipeline.ingest.parsing.inline_reasoning import separate_reasoning
from toolft_pipeline.ingest.parsing.logged_values import (
    LoggedOutcome,
    id_as_text,
    parse_final_state,
    parse_initial_state,
    parse_outcome,
    parse_start_time,
)
from toolft_pipeline.ingest.parsing.nested_json import MAX_NESTING, NULL, TOO_DEEP, NestedTooDeepError, is_too_deep
from toolft_pipeline.ingest.parsing.offered_tools import ToolOffer, tool_offer, tools_not_offered
from toolft_pipeline.ingest.parsing.python_reprs import refuse_python_reprs
from toolft_pipeline.ingest.parsing.rejects import RefusedError, Rejection, RejectReason
from toolft_pipeline.ingest.parsing.served_key import origin_of
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

_NO_USAGE = Usage()
_TEXT_DECODER = msgspec.json.Decoder(str)
_Result = TypeVar("_Result")


class LineReader(Protocol):
    """Reads one line as one run.

    The caller sets `golden`: a log cannot declare its own runs golden.
    """

    def __call__(self, line: bytes, *, agent: str, source: Source, golden: bool = False) -> Trajectory | Rejection: ...


class Envelope(Struct, kw_only=True, gc=False):
    """The fields next to a line's messages, the same in every line format.

    `logged_values` parses them. `final_state` is the digest of the backend's canonical state, or that state itself. A
    state with values that differ from run to run (`sandbox.volatile`) must be logged as the digest of its masked form.
    `served` is what our own server says of its turns.
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
    served: Raw = NULL


def read_or_reject(read: Callable[[], _Result], *, line: bytes = b"null") -> _Result | Rejection:
    """Return the result of `read`, or its error as a rejection.

    `line` is the JSON text that is being read. Typed decoding skips what its type does not name without deep recursion.
    Parts that are kept raw and parsed later are checked for their nesting where they are parsed.
    """
    try:
        return read()
    except RefusedError as error:
        return Rejection(reason=error.reason, detail=str(error))
    except UnicodeDecodeError as error:
        return Rejection(reason=RejectReason.NOT_UTF8, detail=f"not UTF-8: {error.reason}; write the log as UTF-8")
    except msgspec.ValidationError as error:
        return explain_invalid_json(line) or Rejection(reason=RejectReason.WRONG_SHAPE, detail=_expected(error))
    except RecursionError:
        return TOO_DEEP
    except msgspec.DecodeError as error:
        return explain_invalid_json(line) or Rejection(reason=RejectReason.MALFORMED_JSON, detail=str(error))


def build_trajectory(
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
    """Build the record of a run. A run without an id gets the digest of its line.

    `called` names the tools that the run calls, for callers that pass no messages; `offers` are the tool lists of its
    requests, if the envelope's own list is not the only one.
    """
    if messages:  # the table reader passes none
        refuse_python_reprs(messages)
        messages = separate_reasoning(messages)
    own = tool_offer(envelope.tools)
    return Trajectory(
        trajectory_id=id_as_text(envelope.id) or f"sha256:{hashlib.sha256(line).hexdigest()}",
        agent=agent,
        source=source,
        started_at=parse_start_time(envelope.started_at),
        task_id=id_as_text(envelope.task_id),
        task_key=id_as_text(envelope.task_key),
        outcome=parse_outcome(envelope.outcome),
        golden=golden,
        origin=Origin.GOLDEN if golden else origin_of(envelope.served),
        messages=messages,
        tools_digest=envelope.tools_ref or (None if own is None else own.digest),
        unoffered_tools=tools_not_offered(
            tools_used(messages) if called is None else called, (own,) if offers is None else offers
        ),
        initial_state_ref=parse_initial_state(envelope.initial_state),
        final_state_ref=parse_final_state(envelope.final_state),
        usage=envelope.usage or _NO_USAGE,
    )


def text_parts(*texts: str | None) -> tuple[Part, ...]:
    """Content parts of the texts that are not empty."""
    return tuple([Part("text", text) for text in texts if text])


def joined_parts(*shown: str | Part | None) -> tuple[Part, ...]:
    """Content parts of texts and finished parts; empty ones are left out."""
    return tuple([one if isinstance(one, Part) else Part("text", one) for one in shown if one])


NO_ARGUMENTS = "{}"


def tool_call(*, id_: str | int | None, name: str, arguments: Raw) -> ToolCall:
    """Build a call whose arguments are an object, or a JSON string that holds one.

    Several servers write an empty text or null for a call without arguments. Both become the empty object, which
    verification then checks against the catalog.
    """
    raw = bytes(arguments)
    text = _TEXT_DECODER.decode(raw) if raw.startswith(b'"') else raw.decode("utf-8")
    if means_no_arguments(text):
        text = NO_ARGUMENTS
    if text.count("{") + text.count("[") > MAX_NESTING and is_too_deep(text.encode()):
        raise NestedTooDeepError
    return ToolCall(id_as_text(id_) or "", name, text)


def means_no_arguments(text: str) -> bool:
    """Whether a call's argument text stands for no arguments at all."""
    return len(text) < _LONGEST_EMPTY and text.strip() in ("", "null", "None")


_LONGEST_EMPTY = 16


def error_at(error: msgspec.ValidationError, where: str) -> msgspec.ValidationError:
    """Return the error of a part that was decoded by itself, with its place."""
    message, _, path = str(error).partition(" - at `$")
    return msgspec.ValidationError(f"{message} - at `{where}{path or '`'}")


def _expected(error: msgspec.ValidationError) -> str:
    """What was expected and where.

    msgspec quotes the value of an unknown enum member, so that value is removed.
    """
    message = str(error)
    if not message.startswith("Invalid enum value"):
        return message
    return f"Invalid enum value - at {message.rpartition(' - at ')[2]}"
