"""Feedback on its way to the run log, and from there to the canary.

Invariant: the canary hears of feedback that was recorded, and of nothing else: not of a repetition, a conflict, or a
conversation that is not the client's own.
"""

from __future__ import annotations

from concurrent.futures import Future

from toolft_pipeline.serving.canary.canary import Canary
from toolft_pipeline.serving.run_log.feedback import Feedback, FeedbackResult, FeedbackStatus
from toolft_pipeline.serving.run_log.feedback_route import TakesFeedback


class FeedbackToCanary:
    """Takes feedback in place of the run log."""

    def __init__(self, run_log: TakesFeedback, canary: Canary) -> None:
        self._run_log = run_log
        self._canary = canary

    def give(self, feedback: Feedback) -> Future[FeedbackResult]:
        """Store feedback, and pass it on once it is stored."""
        stored = self._run_log.give(feedback)
        stored.add_done_callback(lambda done: self._pass_on(feedback, done))
        return stored

    def _pass_on(self, feedback: Feedback, done: Future[FeedbackResult]) -> None:
        if not done.cancelled() and done.exception() is None and done.result().status is FeedbackStatus.RECORDED:
            self._canary.feedback(feedback.conversation_id, negative=feedback.outcome == "failure")
