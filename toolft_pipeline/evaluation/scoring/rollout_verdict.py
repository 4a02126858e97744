"""What is found in a rollout: conditions that do not hold, and the model's ways of failing.

Invariant: a task is passed if and only if nothing was found, and a failed task has at least one failure mode.
"""

from __future__ import annotations

from enum import StrEnum

from msgspec import Struct


class FailedCondition(StrEnum):
    """Why a rollout fails, in the order of the conditions."""

    MALFORMED_CALL = "malformed_call"
    UNKNOWN_TOOL = "unknown_tool"
    INVALID_ARGUMENTS = "invalid_arguments"
    WRONG_STATE = "wrong_state"
    MISSING_CALL = "missing_call"
    MISSING_ATTEMPT = "missing_attempt"
    """A call that the backend would have refused was not made, and the refusal told all the same."""
    EXTRA_CALLS = "extra_calls"
    ILLEGAL_ORDER = "illegal_order"
    MISSING_READ = "missing_read"
    """A value was used before the result that tells it."""
    NO_ANSWER = "no_answer"


class FailureMode(StrEnum):
    """What a model does wrong when it fails: causes, where a `FailedCondition` is the condition that broke."""

    CUT = "cut"
    """A turn did not end within the token limit."""
    MALFORMED_CALL = "malformed_call"
    """The model wrote a call that no reader takes for one."""
    LOST_CALL = "lost_call"
    """The parser lost a call that was whole: the format's fault, not the model's."""
    MADE_UP_TOOL = "made_up_tool"
    INVALID_ARGUMENTS = "invalid_arguments"
    WRONG_TOOL = "wrong_tool"
    """Another tool was called in place of the planned one."""
    WRONG_ARGUMENTS = "wrong_arguments"
    """The planned tool was called, with arguments that are valid and not the planned ones."""
    SKIPPED_CALL = "skipped_call"
    """A request was answered without the planned call, and nothing was called in its place."""
    MISSING_READ = "missing_read"
    """A value was used before it was read."""
    ILLEGAL_ORDER = "illegal_order"
    LOOP = "loop"
    """The same call again, after it had its result."""
    EXTRA_CALLS = "extra_calls"
    FABRICATED = "fabricated"
    """An answer or a call has an id, an address or a number that nothing had told."""
    UNFINISHED = "unfinished"
    """A limit came before the answer, or the answer is empty."""
    BACKEND_FAILED = "backend_failed"
    """The backend crashed or hung on the model's calls."""
    WRONG_STATE = "wrong_state"
    """The backend's state is wrong, and no other mode says why."""


class RolloutFinding(Struct, frozen=True, kw_only=True):
    """One failed condition, with what a reader needs to see it."""

    failure: FailedCondition
    detail: str


class RolloutVerdict(Struct, frozen=True, kw_only=True):
    """Passed if nothing was found; `modes` are the ways of failing, in the order of `FailureMode`."""

    findings: tuple[RolloutFinding, ...]
    modes: tuple[FailureMode, ...] = ()

    @property
    def passed(self) -> bool:
        """Whether every condition holds."""
        return not self.findings
