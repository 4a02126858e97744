"""A server's events reach the channels of the agent file, redacted, and a channel that fails harms nobody."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from toolft_pipeline.cli.serving_alerts import alert_by_channels
from toolft_pipeline.serving.notice import Notice
from toolft_pipeline_tests.agents import agent
from toolft_pipeline_tests.orchestration.receivers import web_server

SECRET = "xoxb-" + "".join(map(str, range(10))) + "-123456789012-AbCdEfGhIjKlMnOpQrStUvWx"
"""In the form of Slack's tokens, and nobody's."""
NOTICE = Notice(
    agent="tester", subject="tools", error=f"removed close_ticket, {SECRET}\nsecond line", remedy="run it again"
)


def test_event_is_posted_without_secrets(tmp_path: Path) -> None:
    settings = agent(tmp_path, alerts={"webhook": {"url_from": "HOOK"}})
    with web_server() as received:
        alert_by_channels(settings, environment={"HOOK": f"http://127.0.0.1:{received.port}/"})(NOTICE)
    (body,) = received.bodies
    assert (body["agent"], body["stage"]) == ("tester", "server, tools")
    assert "removed close_ticket" in body["error"]
    assert "Do: run it again" in body["text"]
    assert SECRET not in str(body)
    assert "second line" not in str(body)


def test_channel_that_fails_is_a_line_in_the_log(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    settings = agent(tmp_path, alerts={"webhook": {"url_from": "HOOK"}})
    with web_server(status=500) as received, caplog.at_level(logging.WARNING):
        alert_by_channels(settings, environment={"HOOK": f"http://127.0.0.1:{received.port}/"})(NOTICE)
    assert "alerts.webhook: not sent: the server answered 500" in caplog.text
    assert str(received.port) not in caplog.text
