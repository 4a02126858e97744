"""What shape of work a run shows, read off its messages alone.

Invariant: the category follows from what happened (calls, results, answers), never from a label that somebody wrote
into a log; two runs with the same messages have the same category.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum

from toolft_pipeline.trajectories.record import Message, Role

ERROR_PREFIX = "Error: "
"""How a failed call's result begins in the text that the model sees."""


class Category(StrEnum):
    """The shapes of work that a tool-calling agent must master."""

    SINGLE_CALL = "single_call"
    PARALLEL_CALLS = "parallel_calls"
    MULTI_STEP = "multi_step"
    ERROR_THEN_RETRY = "error_then_retry"
    ERROR_THEN_EXPLAIN = "error_then_explain"
    NO_TOOL = "no_tool"


def is_error(message: Message) -> bool:
    """Whether a tool turn reports a failed call."""
    return message.role is Role.TOOL and message.text.startswith(ERROR_PREFIX)


def categorize(messages: Sequence[Message]) -> Category:
    """The category of a run.

    An error decides first: a call that succeeded after the last error of its tool makes it a retry, otherwise the
    agent explained. Then come several calls in one assistant turn, several calls in turns, one call, none.
    """
    results = [message for message in messages if message.role is Role.TOOL]
    errors = [place for place, message in enumerate(results) if is_error(message)]
    if errors:
        recovered = any(not is_error(message) for message in results[errors[-1] + 1 :])
        return Category.ERROR_THEN_RETRY if recovered else Category.ERROR_THEN_EXPLAIN
    calls = [len(message.tool_calls) for message in messages]
    if max(calls, default=0) > 1:
        return Category.PARALLEL_CALLS
    return (Category.NO_TOOL, Category.SINGLE_CALL, Category.MULTI_STEP)[min(sum(calls), 2)]


def tools_used(messages: Sequence[Message]) -> list[str]:
    """Names of the tools that a run calls, sorted, each once."""
    return sorted({call.name for message in messages for call in message.tool_calls})
