"""The verdict on a run: accepted, or the first rule that it breaks and why.

Invariant: every run gets exactly one verdict, and its reason tells a person where to look or what to change. A reason
never quotes a secret: it is redacted like the run itself.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from enum import StrEnum
from itertools import chain, zip_longest
from pathlib import Path

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq
from msgspec import Struct

from toolft_pipeline.trajectories.category import Category


class Rule(StrEnum):
    """The rules in the order in which they are applied: cheap ones first."""

    STRUCTURE = "structure"
    CATALOG = "catalog"
    CONTROL_TOKENS = "control_tokens"
    DEAD_ENDS = "dead_ends"
    OUTCOME = "outcome"
    GROUNDING = "grounding"
    ANSWERS = "answers"
    REPLAY = "replay"
    REDACTION = "redaction"


class Fault(StrEnum):
    """The kinds of violations, for counting; a verdict's reason says where."""

    UNOFFERED_TOOL = "unoffered_tool"
    NO_USER_TURN = "no_user_turn"
    ILLEGAL_TRANSITION = "illegal_transition"
    EMPTY_TURN = "empty_turn"
    UNANSWERED_CALL = "unanswered_call"
    UNASKED_RESULT = "unasked_result"
    CALL_ID = "call_id"
    DANGLING_CALL = "dangling_call"
    NO_ANSWER = "no_answer"
    UNKNOWN_TOOL = "unknown_tool"
    MALFORMED_ARGUMENTS = "malformed_arguments"
    INVALID_ARGUMENTS = "invalid_arguments"
    CONTROL_TOKEN = "control_token"
    TOO_MANY_TURNS = "too_many_turns"
    REPEATED_CALL = "repeated_call"
    REPEATED_ANSWER = "repeated_answer"
    MOSTLY_ERRORS = "mostly_errors"
    LOGGED_FAILURE = "logged_failure"
    UNKNOWN_OUTCOME = "unknown_outcome"
    UNGROUNDED_ANSWER = "ungrounded_answer"
    UNASKED_ANSWER = "unasked_answer"
    UNGROUNDED_CHOICE = "ungrounded_choice"
    UNREAD_VALUE = "unread_value"
    FALSE_SUCCESS = "false_success"
    FALSE_FAILURE = "false_failure"
    OTHER_SUBJECT = "other_subject"
    MISPLACED_VALUE = "misplaced_value"
    CONTRADICTED_RESULT = "contradicted_result"
    INCOMPLETE_LIST = "incomplete_list"
    UNNAMED_TARGET = "unnamed_target"
    ANSWER_UNREAD = "answer_unread"
    NOT_REPLAYABLE = "not_replayable"
    NO_FINAL_STATE = "no_final_state"
    UNKNOWN_STATE = "unknown_state"
    RESULT_DIFFERS = "result_differs"
    FINAL_STATE_DIFFERS = "final_state_differs"
    SANDBOX_CRASHED = "sandbox_crashed"
    SANDBOX_TIMEOUT = "sandbox_timeout"
    REDACTION_BREAKS_SCHEMA = "redaction_breaks_schema"


class ReplayExtent(StrEnum):
    """How far a run was replayed on a sandbox."""

    WHOLE = "whole"
    """Every result and the final state agreed."""
    RESULTS_ONLY = "results_only"
    """Every result agreed; the log holds no final state to compare."""
    NOT_POSSIBLE = "not_possible"
    """The log holds no initial state, or the agent has no sandbox."""


class Violation(Struct, frozen=True, kw_only=True):
    """One violation of a rule. `quoted` are the whole texts of the run for each `{}` of the reason: they are redacted
    before they are cut, because half a secret cannot be recognized."""

    rule: Rule
    fault: Fault
    reason: str
    quoted: tuple[str, ...] = ()


class Verdict(Struct, frozen=True, kw_only=True):
    """The verdict on one run; `rule`, `fault` and `reason` are None for an accepted one."""

    trajectory_id: str
    accepted: bool
    rule: Rule | None
    fault: Fault | None
    reason: str | None
    category: Category
    tools: list[str]
    redacted: list[str] = msgspec.field(default_factory=list)
    """The kinds of values that were replaced in the run, each once."""
    replay_key: str | None = None
    """What the replay depends on, if the run passed one (`replay_cache.py`)."""
    replay: ReplayExtent | None = None
    """How far the run was replayed; None where an earlier rule or the replay itself rejected it."""
    answer_unread: bool = False
    """Whether an answer only half convinces (`ANSWER_UNREAD`), whatever the settings do with such runs."""


REPLAY_KEY = "replay_key"

_SHOWN = 120
"""Most characters of a quoted text."""

_CUT_WORD = re.compile(r"[^\s\"',:{}\[\]]+\.\.\.")


def format_reason(reason: str, quoted: Sequence[str]) -> str:
    """A redacted reason with its quotes inserted and cut; no word is cut in the middle."""
    pieces = _CUT_WORD.sub("...", reason).split("{}") if quoted else [_CUT_WORD.sub("...", reason)]
    shown = [text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..." for text in quoted]
    return "".join(chain.from_iterable(zip_longest(pieces, shown, fillvalue="")))


VERDICT_SCHEMA = pa.schema(
    [
        pa.field("trajectory_id", pa.string(), nullable=False),
        pa.field("accepted", pa.bool_(), nullable=False),
        pa.field("rule", pa.string()),
        pa.field("fault", pa.string()),
        pa.field("reason", pa.string()),
        pa.field("category", pa.string(), nullable=False),
        pa.field("tools", pa.list_(pa.string()), nullable=False),
        pa.field("redacted", pa.list_(pa.string()), nullable=False),
        pa.field(REPLAY_KEY, pa.string()),
        pa.field("replay", pa.string()),
        pa.field("answer_unread", pa.bool_(), nullable=False),
    ]
)


def read_verdicts(path: Path) -> list[Verdict]:
    """The verdicts of a file, in the order written."""
    return list(iter_verdicts(path))


def iter_verdicts(path: Path) -> Iterator[Verdict]:
    """Stream the verdicts of a file, in the order written."""
    with pq.ParquetFile(path, pre_buffer=False) as parquet:
        for batch in parquet.iter_batches():
            yield from msgspec.convert(batch.to_pylist(), list[Verdict])
