"""An alert goes out by every way that is named, or it is said why not, and no secret is in what is said."""

from __future__ import annotations

import base64
import socket
from dataclasses import replace
from typing import Any

import pytest

from toolft_pipeline.agent_file import AGENT_FILE, load_agent
from toolft_pipeline.orchestration.alerts.alert import Alert
from toolft_pipeline.orchestration.alerts.alert_channels import send_alert
from toolft_pipeline.orchestration.alerts.causes import agent_of_shared_alerts
from toolft_pipeline.settings import AgentSettings, AlertSettings
from toolft_pipeline_tests.conftest import REPOSITORY
from toolft_pipeline_tests.orchestration.receivers import mail_server, web_server

ALERT = Alert(
    agent="desk",
    subject="verified_trajectories",
    days=("2026-10-02",),
    error="the sandbox does not start",
    remedy="fix it",
    run_ids=("0a1b",),
    link="http://ui.internal/runs/0a1b",
)
SECRET = "T000-B000-very-secret"


def sent(environment: dict[str, str], **alerts: Any) -> dict[str, str | None]:
    settings = AlertSettings.model_validate({"timeout_s": 5, **alerts})
    return send_alert(ALERT, settings=settings, environment=environment)


CHANNELS: dict[str, dict[str, Any]] = {
    "webhook": {"url_from": "HOOK"},
    "slack": {"url_from": "HOOK"},
    "email": {"host": "127.0.0.1", "port": 1, "sender": "toolft@here", "to": ["a@b"]},
}
"""Settings of each channel, none of which can be reached."""


def agent_with(**alerts: Any) -> AgentSettings:
    agent = load_agent(REPOSITORY / "data" / "assistant" / AGENT_FILE)
    return agent.model_copy(update={"alerts": AlertSettings.model_validate(alerts)})


def test_channels_are_the_sections_of_the_settings() -> None:
    sections = {name for name, field in AlertSettings.model_fields.items() if "Settings" in str(field.annotation)}
    assert sections == CHANNELS.keys(), "add the channel's settings to CHANNELS above"


@pytest.mark.parametrize("channel", CHANNELS)
def test_channel_sends_and_its_agent_gets_shared_alerts(channel: str) -> None:
    assert sent({}, **{channel: CHANNELS[channel]}).keys() == {channel}, "send_alert does not send by this channel"
    agents = {"a": agent_with(), "b": agent_with(**{channel: CHANNELS[channel]}).model_copy(update={"name": "b"})}
    assert agent_of_shared_alerts(agents) == "b", "an agent with this channel alone gets no shared alerts"


def url(port: int) -> dict[str, str]:
    return {"HOOK": f"http://127.0.0.1:{port}/{SECRET}"}


def unused_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


def email(port: int, **how: Any) -> dict[str, Any]:
    return {"host": "127.0.0.1", "port": port, "security": "none", "sender": "toolft@here", "to": ["a@b", "c@d"], **how}


def test_alert_says_stage_day_cause_and_what_to_do() -> None:
    assert ALERT.text.splitlines() == [
        "toolft: desk verified_trajectories of 2026-10-02 failed",
        "Why: the sandbox does not start",
        "Look: http://ui.internal/runs/0a1b",
        "Do: fix it",
    ]


def test_alert_of_many_days_counts_them_in_the_title_and_names_each_below() -> None:
    days = tuple(f"2026-10-{day:02}" for day in range(1, 6))
    title, _, named, *_ = replace(ALERT, days=days).text.splitlines()
    assert title == "toolft: desk verified_trajectories of 5 days (2026-10-01 to 2026-10-05) failed"
    assert named == f"Days: {', '.join(days)}"


def test_webhook_and_slack_get_their_shapes() -> None:
    with web_server() as hook, web_server() as slack:
        errors = sent(
            {"HOOK": f"http://127.0.0.1:{hook.port}/x", "SLACK": f"http://127.0.0.1:{slack.port}/y"},
            webhook={"url_from": "HOOK"},
            slack={"url_from": "SLACK"},
        )
    assert errors == {"webhook": None, "slack": None}
    (record,) = hook.bodies
    assert (record["agent"], record["stage"], record["day"]) == ("desk", "verified_trajectories", "2026-10-02")
    assert record["error"] == ALERT.error
    assert slack.bodies == [{"text": ALERT.text}]


@pytest.mark.parametrize(("status", "said"), [(500, "500 Internal Server Error"), (404, "404"), (302, "302 Found")])
def test_webhook_that_answers_badly_is_reported_without_its_url(status: int, said: str) -> None:
    with web_server(status=status) as hook:
        errors = sent(url(hook.port), webhook={"url_from": "HOOK"})["webhook"]
    assert errors is not None
    assert said in errors
    assert SECRET not in errors


@pytest.mark.parametrize(
    ("environment", "said"),
    [
        (url(unused_port()), "no answer (Connection refused)"),
        ({}, "HOOK is not set; set it where Dagster's code server runs"),
        ({"HOOK": f"file:///{SECRET}"}, "HOOK has no http(s) URL; set it to one"),
        ({"HOOK": f"http://127.0.0.1:port/{SECRET}"}, "InvalidURL"),
    ],
)
def test_webhook_that_cannot_be_reached_is_reported_and_the_others_get_the_alert(
    environment: dict[str, str], said: str
) -> None:
    with web_server() as slack:
        errors = sent(
            {"SLACK": f"http://127.0.0.1:{slack.port}/"} | environment,
            webhook={"url_from": "HOOK"},
            slack={"url_from": "SLACK"},
        )
    assert errors == {"webhook": said, "slack": None}


def test_webhook_that_never_answers_is_given_up() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        errors = sent(url(silent.getsockname()[1]), webhook={"url_from": "HOOK"}, timeout_s=0.2)["webhook"]
    assert errors is not None
    assert "no answer" in errors
    assert SECRET not in errors


def test_email_goes_to_all_with_the_password_of_the_environment() -> None:
    with mail_server() as server:
        errors = sent({"SMTP": SECRET}, email=email(server.port, user="robot", password_from="SMTP"))
    assert errors == {"email": None}
    (message,) = server.bodies
    assert "Subject: toolft: desk verified_trajectories of 2026-10-02 failed" in message
    assert "the sandbox does not start" in message
    login = next(line for line in server.lines if line.startswith("AUTH PLAIN"))
    assert base64.b64decode(login.split()[-1]).decode() == f"\0robot\0{SECRET}"
    assert [line for line in server.lines if line.upper().startswith("RCPT")] == ["rcpt TO:<a@b>", "rcpt TO:<c@d>"]


@pytest.mark.parametrize(
    ("refuses", "how", "said"),
    [
        ("AUTH", {"user": "robot", "password_from": "SMTP"}, "the mail server answered 550"),
        ("RCPT", {}, "the mail server refused (SMTPRecipientsRefused)"),
        (
            "",
            {"security": "starttls"},
            "the mail server does not support what alerts.email needs (STARTTLS or a login)",
        ),
        ("", {"user": "robot", "password_from": "UNSET"}, "UNSET is not set; set it where Dagster's code server runs"),
    ],
)
def test_email_that_is_refused_is_reported_without_the_servers_words(
    refuses: str, how: dict[str, Any], said: str
) -> None:
    with mail_server(refuses=refuses) as server:
        assert sent({"SMTP": SECRET}, email=email(server.port, **how)) == {"email": said}


def test_email_without_a_server_is_reported() -> None:
    assert sent({}, email=email(unused_port())) == {"email": "no connection to the mail server (Connection refused)"}
