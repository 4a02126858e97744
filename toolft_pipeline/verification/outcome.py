"""Rule 5: the agent's own log says that the run succeeded.

Invariant: only runs logged as successes teach; golden runs were chosen by a person and are exempt from this rule and
from no other.
"""

from __future__ import annotations

from toolft_pipeline.trajectories.record import OutcomeStatus, Trajectory
from toolft_pipeline.verification.verdict import Fault, Finding, Rule


def check_outcome(trajectory: Trajectory) -> Finding | None:
    """A finding for a run that is not golden and was not logged as a success."""
    status = trajectory.outcome.status
    if trajectory.golden or status is OutcomeStatus.SUCCESS:
        return None
    evidence = f" ({trajectory.outcome.evidence})" if trajectory.outcome.evidence else ""
    if status is OutcomeStatus.FAILURE:
        return Finding(rule=Rule.OUTCOME, fault=Fault.LOGGED_FAILURE, reason=f"logged as a failure{evidence}")
    reason = f"logged without a known outcome{evidence}; log outcome.status as success or failure"
    return Finding(rule=Rule.OUTCOME, fault=Fault.UNKNOWN_OUTCOME, reason=reason)
