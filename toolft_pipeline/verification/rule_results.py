"""The verdict on one run, rule by rule.

Invariant: the rules are applied again in their order, by the functions that verified the day. Replay and redaction are
not repeated: their results come from the stored verdict. Where the rules now differ from the verdict in force, both are
reported.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from toolft_pipeline.catalog.renames import apply_renames
from toolft_pipeline.trajectories.record import Trajectory
from toolft_pipeline.verification.rules.rule_set import RuleSet, check_rules
from toolft_pipeline.verification.rules.verdict import Fault, ReplayExtent, Rule, Verdict, Violation, format_reason


class RuleStatus(StrEnum):
    """The result of a rule."""

    PASSED = "passed"
    BROKEN = "broken"
    NOT_ASKED = "not asked"


@dataclass(frozen=True, kw_only=True)
class RuleResult:
    """The result of one rule, with a reason where it needs one."""

    rule: Rule
    answer: RuleStatus
    reason: str | None = None


def rule_results(logged: Trajectory, *, rules: RuleSet, verdict: Verdict) -> list[RuleResult]:
    """The result of every rule on a run as logged. Reasons are redacted like the run."""
    run = apply_renames(logged, renames=rules.renames) if rules.renames else logged
    results: dict[Rule, RuleResult] = {}
    broken: Violation | None = None
    for rule, violation in check_rules(run, context=rules.context):
        broken = violation
        if violation is not None:
            results[rule] = RuleResult(rule=rule, answer=RuleStatus.BROKEN, reason=_reason(run, violation, rules))
            break
        results[rule] = RuleResult(rule=rule, answer=RuleStatus.PASSED, reason=_why_passed(rule, run))
    for result in _stored(verdict) if broken is None else ():
        results[result.rule] = result
    return [results.get(rule) or _not_asked(rule, rules, broken) for rule in Rule]


def disagreement(results: list[RuleResult], verdict: Verdict) -> str | None:
    """How the rules as applied now differ from the verdict in force, if they do."""
    now = next((result.rule for result in results if result.answer is RuleStatus.BROKEN), None)
    if now == verdict.rule:
        return None
    stored = "accepts the run" if verdict.rule is None else f"names {verdict.rule} ({verdict.reason})"
    current = "every rule passes" if now is None else f"the run breaks {now}"
    return f"the verdict in force {stored}, but now {current}: the catalog or the code has changed since"


def _stored(verdict: Verdict) -> Iterator[RuleResult]:
    """Results of the rules that are not applied again, from the stored verdict."""
    if verdict.replay is not None or verdict.replay_key is not None:
        yield _replayed(verdict)
    if verdict.fault is Fault.UNREAD_VALUE:  # the half of grounding that needs the backend's state
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
    """The result of the replay when the day was verified."""
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


def _reason(run: Trajectory, violation: Violation, rules: RuleSet) -> str:
    reason, *quoted = rules.redactor.redact_texts(run, violation.reason, *violation.quoted)
    return format_reason(reason, quoted)
