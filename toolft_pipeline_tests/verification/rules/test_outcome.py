from __future__ import annotations

import pytest

from toolft_pipeline.settings import VerificationSettings
from toolft_pipeline.verification.rules.outcome import check_outcome
from toolft_pipeline.verification.rules.verdict import Fault
from toolft_pipeline_tests.conversations import says, trajectory, user

TALK = (user("hi"), says("hello"))
STRICT = VerificationSettings()


def test_outcome_success_passes() -> None:
    assert check_outcome(trajectory(*TALK), settings=STRICT) is None


@pytest.mark.parametrize(("status", "fault"), [("failure", Fault.LOGGED_FAILURE), ("unknown", Fault.UNKNOWN_OUTCOME)])
def test_outcome_run_without_success_is_refused_unless_it_is_golden(status: str, fault: Fault) -> None:
    violation = check_outcome(trajectory(*TALK, status=status), settings=STRICT)
    assert violation is not None
    assert violation.fault is fault
    assert check_outcome(trajectory(*TALK, status=status, golden=True), settings=STRICT) is None


def test_outcome_unknown_passes_where_a_setting_says_so_and_failure_never() -> None:
    lenient = VerificationSettings(accept_unknown_outcome=True)
    assert check_outcome(trajectory(*TALK, status="unknown"), settings=lenient) is None
    assert check_outcome(trajectory(*TALK, status="failure"), settings=lenient) is not None
