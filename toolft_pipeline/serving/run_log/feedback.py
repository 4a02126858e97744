"""What a client says of a conversation: how it ended, and why.

Invariant: an outcome is given once. The same feedback again changes nothing and says so; another one is a conflict
that names the first.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Literal

from msgspec import Struct


class Feedback(Struct, frozen=True, kw_only=True):
    """Feedback of a client on one of its conversations.

    `over` completes the conversation. `initial_state` and `final_state` name the backend's states, for replay.
    """

    client: str
    conversation_id: str
    outcome: Literal["success", "failure"]
    evidence: str | None = None
    comment: str | None = None
    over: bool = True
    initial_state: str | None = None
    final_state: str | None = None

    def states(self) -> dict[str, str]:
        """The states that are given, by name."""
        given = {"initial_state": self.initial_state, "final_state": self.final_state}
        return {name: state for name, state in given.items() if state}


class FeedbackStatus(StrEnum):
    """What became of feedback."""

    RECORDED = "recorded"
    ALREADY_RECORDED = "already_recorded"
    CONFLICT = "conflict"
    UNKNOWN = "unknown_conversation"


class FeedbackResult(Struct, frozen=True, kw_only=True):
    """What became of feedback, and the id of the run that it is about."""

    status: FeedbackStatus
    run: str | None = None
    detail: str | None = None


def answer_to(feedback: Feedback, *, run: str, outcome: str | None, evidence: str | None) -> FeedbackResult | None:
    """What feedback on a run with a known outcome ends in; None where the outcome is not known yet."""
    if outcome is None:
        return None
    if (outcome, evidence) == (feedback.outcome, feedback.evidence):
        return FeedbackResult(status=FeedbackStatus.ALREADY_RECORDED, run=run)
    why = f" ({evidence})" if evidence else ""
    detail = f"the conversation already has the outcome {outcome}{why}; an outcome is given once"
    return FeedbackResult(status=FeedbackStatus.CONFLICT, run=run, detail=detail)
