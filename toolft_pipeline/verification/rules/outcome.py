"""Rule 5: the agent's own log reports success.

Invariant: a run logged as a failure is never accepted, one with an unknown outcome only if a setting allows it. Golden
runs were chosen by a person and are exempt from this rule and from no other.
"""

from __future__ import annotations

from toolft_pipeline.settings import VerificationSettings
from toolft_pipeline.trajectories.record import OutcomeStatus, Trajectory
from toolft_pipeline.verification.rules.verdict import Fault, Rule, Violation


def check_outcome(trajectory: Trajectory, *, settings: VerificationSettings) -> Violation | None:
    """A violation for a run that is not golden and was not logged as a success."""
    status = trajectory.outcome.status
    if trajectory.golden or status is OutcomeStatus.SUCCESS:
        return None
    evidence = f" ({trajectory.outcome.evidence})" if trajectory.outcome.evidence else ""
    if status is OutcomeStatus.FAILURE:
        return Violation(rule=Rule.OUTCOME, fault=Fault.LOGGED_FAILURE, reason=f"logged as a failure{evidence}")
    if settings.accept_unknown_outcome:
        return None
    hint = "log outcome.status as success or failure, or set verification.accept_unknown_outcome"
    reason = f"logged without a known outcome{evidence}; {hint}"
    return Violation(rule=Rule.OUTCOME, fault=Fault.UNKNOWN_OUTCOME, reason=reason)
