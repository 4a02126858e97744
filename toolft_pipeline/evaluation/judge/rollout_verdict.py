"""The verdict on a rollout: conditions that failed, and how the model failed.

Invariant: a task passes if and only if no condition failed, and a failed task has at least one failure mode.
"""

from __future__ import annotations

from enum import StrEnum

from msgspec import Struct


class FailedCondition(StrEnum):
    """A condition that a rollout failed, in the order of the checks."""

    MALFORMED_CALL = "malformed_call"
    UNKNOWN_TOOL = "unknown_tool"
    INVALID_ARGUMENTS = "invalid_arguments"
    WRONG_STATE = "wrong_state"
    MISSING_CALL = "missing_call"
    MISSING_ATTEMPT = "missing_attempt"
    """A call that the backend would have refused was not made; the model reported the refusal without asking."""
    EXTRA_CALLS = "extra_calls"
    ILLEGAL_ORDER = "illegal_order"
    MISSING_READ = "missing_read"
    """A value was used before any result contained it."""
    NO_ANSWER = "no_answer"
    WRONG_ANSWER = "wrong_answer"
    """An answer lacks a value, gives it to another entity, or contradicts how its turn ended."""
    ANSWER_UNREAD = "answer_unread"
    """No declared form and no value of an answer says how its turn ended."""
    FABRICATED = "fabricated"
    """An answer has an id, an address or a number that no message and no result contains."""


class FailureMode(StrEnum):
    """What a model does wrong: the cause, where a `FailedCondition` is the consequence."""

    CUT = "cut"
    """A turn did not end within the token limit."""
    MALFORMED_CALL = "malformed_call"
    """The model wrote a call that no parser accepts."""
    LOST_CALL = "lost_call"
    """The parser missed a complete call: the format's fault, not the model's."""
    MADE_UP_TOOL = "made_up_tool"
    INVALID_ARGUMENTS = "invalid_arguments"
    WRONG_TOOL = "wrong_tool"
    """Another tool was called instead of the planned one."""
    WRONG_ARGUMENTS = "wrong_arguments"
    """The planned tool was called with valid arguments other than the planned ones."""
    SKIPPED_CALL = "skipped_call"
    """A request was answered without the planned call, and no other call was made instead."""
    MISSING_READ = "missing_read"
    """A value was used before it was read."""
    ILLEGAL_ORDER = "illegal_order"
    LOOP = "loop"
    """The same call again after its result had come back."""
    EXTRA_CALLS = "extra_calls"
    FABRICATED = "fabricated"
    """An answer or a call has an ungrounded id, address or number."""
    WRONG_ANSWER = "wrong_answer"
    """The calls are right and an answer says something else."""
    ANSWER_UNREAD = "answer_unread"
    """An answer does not say what happened."""
    UNFINISHED = "unfinished"
    """A limit was reached before the answer, or the answer is empty."""
    BACKEND_FAILED = "backend_failed"
    """The backend crashed or hung on the model's calls."""
    WRONG_STATE = "wrong_state"
    """The backend's final state is wrong, and no other mode explains it."""


class RolloutFinding(Struct, frozen=True, kw_only=True):
    """One failed condition with its detail for the report."""

    failure: FailedCondition
    detail: str


class RolloutVerdict(Struct, frozen=True, kw_only=True):
    """The failed conditions, none if the task passed; `modes` are in the order of `FailureMode`."""

    findings: tuple[RolloutFinding, ...]
    modes: tuple[FailureMode, ...] = ()

    @property
    def passed(self) -> bool:
        """Whether every condition holds."""
        return not self.findings
