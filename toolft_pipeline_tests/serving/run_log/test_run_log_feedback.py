"""Feedback ends a conversation, or is joined to its run when the day is read."""

from __future__ import annotations

import stat
from pathlib import Path
from typing import Any

import pytest

from toolft_pipeline.serving.run_log.feedback import Feedback, FeedbackStatus
from toolft_pipeline.serving.run_log.run_log import RunLog
from toolft_pipeline_tests.conftest import HANG_S
from toolft_pipeline_tests.serving.run_log.run_logs import DAY, Clock, day_files, open_log, read
from toolft_pipeline_tests.serving.run_log.turns import served, user


def give(log: RunLog, **given: Any) -> Any:
    defaults: dict[str, Any] = {"client": "local", "conversation_id": "talk-1", "outcome": "success"}
    return log.give(Feedback(**{**defaults, **given})).result(HANG_S)


def test_feedback_ends_a_conversation_with_its_outcome(log: RunLog, tmp_path: Path) -> None:
    log.observe(served([user("hi")], "hello"))
    assert give(log, evidence="solved", final_state="sha256:00").status is FeedbackStatus.RECORDED
    log.flush(timeout=HANG_S)
    _, [run] = read(tmp_path)
    assert (run.outcome.status, run.outcome.evidence, run.final_state_ref) == ("success", "solved", "sha256:00")


def test_feedback_is_given_once(log: RunLog, tmp_path: Path) -> None:
    log.observe(served([user("hi")], "hello"))
    given = [give(log, over=False), give(log, over=False), give(log, outcome="failure"), give(log)]
    assert [each.status.value for each in given] == ["recorded", "already_recorded", "conflict", "already_recorded"]
    assert "success" in given[2].detail
    log.flush(timeout=HANG_S)
    assert [give(log).status.value, give(log, outcome="failure").status.value] == ["already_recorded", "conflict"]
    assert not list((tmp_path / "logs").glob("*.feedback"))


@pytest.mark.parametrize("restarted", [False, True])
def test_late_feedback_is_joined_when_the_day_is_read(tmp_path: Path, clock: Clock, restarted: bool) -> None:
    log = open_log(tmp_path, clock)
    log.observe(served([user("hi")], "hello"))
    log.flush(everything=True, timeout=HANG_S)
    [before] = read(tmp_path)[1]
    clock.seconds += 3 * 24 * 3600
    if restarted:
        log.close(timeout=HANG_S)
        log = open_log(tmp_path, clock)
    content = day_files(tmp_path)[0].read_bytes()
    given = [give(log, evidence="called back", initial_state="office-1"), give(log, evidence="called back"), give(log)]
    assert [each.status.value for each in given] == ["recorded", "already_recorded", "conflict"]
    log.close(timeout=HANG_S)
    summary, [after] = read(tmp_path)
    assert day_files(tmp_path)[0].read_bytes() == content
    assert (before.outcome.status, after.outcome.status, summary.served.feedback) == ("unknown", "success", 1)
    assert (after.outcome.evidence, after.initial_state_ref) == ("called back", "office-1")
    [file] = (tmp_path / "logs").glob("*.feedback")
    assert file.name.startswith(DAY)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_a_client_gives_feedback_on_its_own_conversations_only(log: RunLog) -> None:
    log.observe(served([user("hi")], "hello", client="a"))
    assert give(log, client="b").status is FeedbackStatus.UNKNOWN
    log.flush(everything=True, timeout=HANG_S)
    assert give(log, client="b").status is FeedbackStatus.UNKNOWN
    assert give(log, client="a").status is FeedbackStatus.RECORDED
