"""The test of one candidate against one champion, without files, threads or a clock of its own.

Invariant: only conversations whose arm was drawn are compared, in the order in which they began, each once: it has
failed, or it is complete. The chance that a candidate which is no worse is ever stopped is at most `wrong_stop`, shared
between the comparison and the test of its parse rate.
"""

from __future__ import annotations

from collections import OrderedDict

from toolft_pipeline.serving.canary.canary_state import ArmCounts, CanaryState, OpenConversation
from toolft_pipeline.serving.canary.sequential_test import FailureTest, ParseRateTest
from toolft_pipeline.serving.canary.turn_outcome import TurnOutcome
from toolft_pipeline.serving.served_turn import Arm
from toolft_pipeline.settings import CanarySettings

PARSE_LEVEL = 0.2
"""Share of `wrong_stop` for the test of the parse rate; the comparison has the rest."""

LONGEST = 4
"""A conversation is complete at the latest this many idle times after it began, so that one that never ends holds up
no other."""


class CandidateTest:
    """Counts both arms. Times are Unix times; `idle_s` is the time without a request after which a conversation is
    complete."""

    def __init__(self, state: CanaryState, *, settings: CanarySettings, idle_s: float) -> None:
        self._state = state
        self._settings = settings
        self._idle_s = idle_s
        self._comparison = FailureTest(state.log_wealth)
        self._parse_rate = ParseRateTest(settings.min_parse_rate, state.parse_log_wealth)
        self._open = OrderedDict((each.key, each) for each in state.open)

    @property
    def candidate(self) -> str:
        """Content digest of the candidate."""
        return self._state.candidate

    def begin(self, key: str, arm: Arm, *, now: float) -> None:
        """Record a conversation whose arm was drawn; one that is known stays as it is."""
        if key not in self._open:
            self._open[key] = OpenConversation(key=key, arm=arm, share=self._settings.share, began=now, last=now)

    def add_turn(self, key: str, outcome: TurnOutcome, *, now: float) -> None:
        """Count a turn of a conversation; one that is complete, or whose arm was not drawn, is no evidence."""
        conversation = self._open.get(key)
        if conversation is None:
            return
        conversation.last = now
        conversation.turns += 1
        counts = self._state.arms[conversation.arm]
        counts.turns += 1
        counts.parsed += outcome.parsed is not False
        counts.unknown_tool += outcome.unknown_tool
        counts.invalid_arguments += outcome.invalid_arguments
        counts.fallback += outcome.fallback
        if conversation.arm is Arm.CANDIDATE and outcome.parsed is not None and not conversation.unparsed:
            self._parse_rate.add(parsed=outcome.parsed)  # what follows a fault in a conversation is no new evidence
        conversation.unparsed |= outcome.parsed is False
        conversation.failed |= outcome.failed

    def add_engine_error(self, key: str, *, now: float) -> None:
        """Count a request that the engine of its arm could not answer."""
        conversation = self._open.get(key)
        if conversation is not None:
            conversation.last, conversation.failed = now, True
            conversation.turns += 1
            self._state.arms[conversation.arm].engine_errors += 1

    def add_feedback(self, key: str, *, negative: bool) -> None:
        """Count a person's judgement of a conversation that is not complete yet."""
        conversation = self._open.get(key)
        if conversation is not None and negative:
            conversation.failed = True
            self._state.arms[conversation.arm].negative_feedback += 1

    def settle(self, *, now: float) -> None:
        """Compare what is known by now, oldest conversation first, up to the first one that is still running."""
        while self._open:
            conversation = next(iter(self._open.values()))
            complete = now - conversation.last >= self._idle_s or now - conversation.began >= LONGEST * self._idle_s
            if not (conversation.failed or complete):
                return
            self._open.popitem(last=False)
            if conversation.turns == 0:  # nobody waited for an answer
                continue
            counts = self._state.arms[conversation.arm]
            counts.conversations += 1
            counts.failed += conversation.failed
            self._comparison.add(
                is_candidate=conversation.arm is Arm.CANDIDATE, failed=conversation.failed, share=conversation.share
            )

    def reason_to_stop(self) -> str | None:
        """Why the candidate must be stopped; None as long as it may go on."""
        wrong_stop, counts = self._settings.wrong_stop, self._state.arms[Arm.CANDIDATE]
        if self._parse_rate.evidence >= 1 / (PARSE_LEVEL * wrong_stop):
            return (
                f"its parse rate is below {self._settings.min_parse_rate:g}: {counts.parsed} of {counts.turns} turns "
                "parsed"
            )
        enough = counts.conversations >= self._settings.min_conversations
        if enough and self._comparison.evidence >= self.evidence_needed:
            champion = self._state.arms[Arm.CHAMPION]
            return (
                f"it fails more often: {counts.failed} of {counts.conversations} conversations, the champion "
                f"{champion.failed} of {champion.conversations}"
            )
        return None

    @property
    def evidence(self) -> float:
        """Evidence that the candidate fails more often; 1 at the beginning."""
        return self._comparison.evidence

    @property
    def evidence_needed(self) -> float:
        """Evidence at which the candidate is stopped."""
        return 1 / ((1 - PARSE_LEVEL) * self._settings.wrong_stop)

    def state(self) -> CanaryState:
        """Everything that a later test needs to go on."""
        self._state.log_wealth = [*self._comparison.log_wealth]
        self._state.parse_log_wealth = [*self._parse_rate.log_wealth]
        self._state.open = list(self._open.values())
        return self._state


def new_counts() -> dict[str, ArmCounts]:
    """Counts of both arms at the beginning."""
    return {arm: ArmCounts() for arm in Arm}
