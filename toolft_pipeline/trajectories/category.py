"""Category of a run, computed from its messages alone.

Invariant: the category follows from what happened (calls, results, answers), never from a label in a log; two runs
with the same messages have the same category.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum

from toolft_pipeline.trajectories.record import Message, Role
from toolft_pipeline.trajectories.tool_failure import is_error


class Category(StrEnum):
    """Kinds of work that a tool-calling agent must master."""

    SINGLE_CALL = "single_call"
    PARALLEL_CALLS = "parallel_calls"
    MULTI_STEP = "multi_step"
    ERROR_THEN_RETRY = "error_then_retry"
    ERROR_THEN_EXPLAIN = "error_then_explain"
    NO_TOOL = "no_tool"


def categorize(messages: Sequence[Message], *, error_forms: Sequence[str] = ()) -> Category:
    """The category of a run; `error_forms` are the agent's own patterns, beside those of `tool_failure`.

    Errors decide first: if the last result is no error, the agent retried, otherwise it explained. Then come several
    calls in one assistant turn, several calls in several turns, one call, no call.
    """
    results = [message for message in messages if message.role is Role.TOOL]
    failed = [is_error(message, error_forms) for message in results]
    if any(failed):
        return Category.ERROR_THEN_EXPLAIN if failed[-1] else Category.ERROR_THEN_RETRY
    calls = [len(message.tool_calls) for message in messages]
    if max(calls, default=0) > 1:
        return Category.PARALLEL_CALLS
    return (Category.NO_TOOL, Category.SINGLE_CALL, Category.MULTI_STEP)[min(sum(calls), 2)]


def tools_used(messages: Sequence[Message]) -> list[str]:
    """Names of the tools that a run calls, sorted, each once."""
    return sorted({call.name for message in messages for call in message.tool_calls})
