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
from toolft_pipeline.verification.rule_set import RuleSet, check_rules
from toolft_pipeline.verification.rules.verdict import Fault, ReplayExtent, Rule, Verdict, Violation, format_reason


class RuleStatus(StrEnum):
    """What a rule said."""

    PASSED = "passed"
    BROKEN = "broken"
    NOT_ASKED = "not asked"


@dataclass(frozen=True, kw_only=True)
class RuleResult:
    """One rule's answer, with what it found, or why it passed or was not asked where that needs saying."""

    rule: Rule
    answer: RuleStatus
    reason: str | None = None


def rule_results(logged: Trajectory, *, rules: RuleSet, verdict: Verdict) -> list[RuleResult]:
    """Every rule's answer on a run as it was logged. Reasons are redacted like the run."""
    run = apply_renames(logged, renames=rules.renames) if rules.renames else logged
    given: dict[Rule, RuleResult] = {}
    broken: Violation | None = None
    for rule, violation in check_rules(run, context=rules.context):
        broken = violation
        if violation is not None:
            given[rule] = RuleResult(rule=rule, answer=RuleStatus.BROKEN, reason=_told(run, violation, rules))
            break
        given[rule] = RuleResult(rule=rule, answer=RuleStatus.PASSED, reason=_why_passed(rule, run))
    for result in _stored(verdict) if broken is None else ():
        given[result.rule] = result
    return [given.get(rule) or _not_asked(rule, rules, broken) for rule in Rule]


def disagreement(given: list[RuleResult], verdict: Verdict) -> str | None:
    """How the rules asked now differ from the verdict in force, if they do."""
    now = next((result.rule for result in given if result.answer is RuleStatus.BROKEN), None)
    if now == verdict.rule:
        return None
    stored = "accepts the run" if verdict.rule is None else f"names {verdict.rule} ({verdict.reason})"
    asked = "every rule passes" if now is None else f"the run breaks {now}"
    return f"the verdict in force {stored}, asked now {asked}: the catalog or the code has changed since"


def _stored(verdict: Verdict) -> Iterator[RuleResult]:
    """What the stored verdict says of the rules that are not asked again."""
    if verdict.replay is not None or verdict.replay_key is not None:
        yield _replayed(verdict)
    if verdict.fault is Fault.UNREAD_VALUE:  # the other half of grounding, which needs the backend's state
        yield RuleResult(rule=Rule.GROUNDING, answer=RuleStatus.BROKEN, reason=verdict.reason)
        return
    if verdict.rule is Rule.REPLAY:
        yield RuleResult(rule=Rule.REPLAY, answer=RuleStatus.BROKEN, reason=verdict.reason)
        return
    if verdict.rule is Rule.REDACTION:
        yield RuleResult(rule=Rule.REDACTION, answer=RuleStatus.BROKEN, reason=verdict.reason)
    elif verdict.accepted:
        reason = f"replaced: {', '.join(verdict.redacted)}" if verdict.redacted else "nothing to replace"
        yield RuleResult(rule=Rule.REDACTION, answer=RuleStatus.PASSED, reason=reason)


def _replayed(verdict: Verdict) -> RuleResult:
    """What the replay gave when the day was verified."""
    if verdict.replay is ReplayExtent.NOT_POSSIBLE:
        reason = "the run cannot be replayed, and verification.require_replay is false"
        return RuleResult(rule=Rule.REPLAY, answer=RuleStatus.NOT_ASKED, reason=reason)
    if verdict.replay is ReplayExtent.RESULTS_ONLY:
        reason = "replayed when the day was verified: every result agreed; the log records no final state to compare"
        return RuleResult(rule=Rule.REPLAY, answer=RuleStatus.PASSED, reason=reason)
    return RuleResult(rule=Rule.REPLAY, answer=RuleStatus.PASSED, reason="when the day was verified")


def _not_asked(rule: Rule, rules: RuleSet, broken: Violation | None) -> RuleResult:
    if rule is Rule.GROUNDING and not rules.limits.grounding.asks:
        reason = "verification.grounding accepts everything"
    elif broken is not None:
        reason = f"{broken.rule} was broken first"
    else:
        reason = "an earlier rule was broken when the day was verified"
    return RuleResult(rule=rule, answer=RuleStatus.NOT_ASKED, reason=reason)


def _why_passed(rule: Rule, run: Trajectory) -> str | None:
    return "golden runs skip it" if rule is Rule.OUTCOME and run.golden else None


def _told(run: Trajectory, violation: Violation, rules: RuleSet) -> str:
    reason, *quoted = rules.redactor.redact_texts(run, violation.reason, *violation.quoted)
    return format_reason(reason, quoted)
