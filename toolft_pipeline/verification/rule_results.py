"""The verdict on one run, rule by rule.

Invariant: the rules are asked again in their own order, by the functions that judged the day. What costs a sandbox is
not done again: of replay and redaction the stored verdict tells. Where asking again gives another answer than the
verdict in force, both are told; neither is taken for the other.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from toolft_pipeline.catalog.renames import apply_renames
from toolft_pipeline.trajectories.record import Trajectory
from toolft_pipeline.verification.judge import Judge, ask_cheap
from toolft_pipeline.verification.rules.verdict import Fault, Finding, Replay, Rule, Verdict, told


class Answer(StrEnum):
    """What a rule said."""

    PASSED = "passed"
    BROKEN = "broken"
    NOT_ASKED = "not asked"


@dataclass(frozen=True, kw_only=True)
class RuleAnswer:
    """One rule's answer, with what it found, or why it passed or was not asked where that needs saying."""

    rule: Rule
    answer: Answer
    reason: str | None = None


def answers(logged: Trajectory, *, judge: Judge, verdict: Verdict) -> list[RuleAnswer]:
    """Every rule's answer on a run as it was logged. Reasons are redacted like the run."""
    run = apply_renames(logged, renames=judge.renames) if judge.renames else logged
    given: dict[Rule, RuleAnswer] = {}
    broken: Finding | None = None
    for rule, finding in ask_cheap(run, rules=judge.rules):
        broken = finding
        if finding is not None:
            given[rule] = RuleAnswer(rule=rule, answer=Answer.BROKEN, reason=_told(run, finding, judge))
            break
        given[rule] = RuleAnswer(rule=rule, answer=Answer.PASSED, reason=_why_passed(rule, run))
    for answer in _stored(verdict) if broken is None else ():
        given[answer.rule] = answer
    return [given.get(rule) or _not_asked(rule, judge, broken) for rule in Rule]


def disagreement(given: list[RuleAnswer], verdict: Verdict) -> str | None:
    """How the rules asked now differ from the verdict in force, if they do."""
    now = next((answer.rule for answer in given if answer.answer is Answer.BROKEN), None)
    if now == verdict.rule:
        return None
    stored = "accepts the run" if verdict.rule is None else f"names {verdict.rule} ({verdict.reason})"
    asked = "every rule passes" if now is None else f"the run breaks {now}"
    return f"the verdict in force {stored}, asked now {asked}: the catalog or the code has changed since"


def _stored(verdict: Verdict) -> Iterator[RuleAnswer]:
    """What the stored verdict says of the rules that are not asked again."""
    if verdict.replay is not None or verdict.replay_key is not None:
        yield _replayed(verdict)
    if verdict.fault is Fault.UNREAD_VALUE:  # the other half of grounding, which needs the backend's state
        yield RuleAnswer(rule=Rule.GROUNDING, answer=Answer.BROKEN, reason=verdict.reason)
        return
    if verdict.rule is Rule.REPLAY:
        yield RuleAnswer(rule=Rule.REPLAY, answer=Answer.BROKEN, reason=verdict.reason)
        return
    if verdict.rule is Rule.REDACTION:
        yield RuleAnswer(rule=Rule.REDACTION, answer=Answer.BROKEN, reason=verdict.reason)
    elif verdict.accepted:
        reason = f"replaced: {', '.join(verdict.redacted)}" if verdict.redacted else "nothing to replace"
        yield RuleAnswer(rule=Rule.REDACTION, answer=Answer.PASSED, reason=reason)


def _replayed(verdict: Verdict) -> RuleAnswer:
    """What the replay gave when the day was verified."""
    if verdict.replay is Replay.NOT_POSSIBLE:
        reason = "the run cannot be replayed, and verification.require_replay is false"
        return RuleAnswer(rule=Rule.REPLAY, answer=Answer.NOT_ASKED, reason=reason)
    if verdict.replay is Replay.RESULTS_ONLY:
        reason = "replayed when the day was verified: every result agreed; the log records no final state to compare"
        return RuleAnswer(rule=Rule.REPLAY, answer=Answer.PASSED, reason=reason)
    return RuleAnswer(rule=Rule.REPLAY, answer=Answer.PASSED, reason="when the day was verified")


def _not_asked(rule: Rule, judge: Judge, broken: Finding | None) -> RuleAnswer:
    if rule is Rule.GROUNDING and not judge.rules.limits.grounding.asks:
        reason = "verification.grounding accepts everything"
    elif broken is not None:
        reason = f"{broken.rule} was broken first"
    else:
        reason = "an earlier rule was broken when the day was verified"
    return RuleAnswer(rule=rule, answer=Answer.NOT_ASKED, reason=reason)


def _why_passed(rule: Rule, run: Trajectory) -> str | None:
    return "golden runs skip it" if rule is Rule.OUTCOME and run.golden else None


def _told(run: Trajectory, finding: Finding, judge: Judge) -> str:
    reason, *quoted = judge.redactor.beside(run, finding.reason, *finding.quoted)
    return told(reason, quoted)
