"""The channels of an alert: a webhook, Slack, e-mail.

Invariant: sending never raises, and its error messages contain no URL, no password and nothing that a server answered:
the URL of a webhook is its password, and libraries put it into their errors.
"""

from __future__ import annotations

import json
import smtplib
import ssl
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from email.message import EmailMessage
from http import HTTPStatus
from typing import Any

from toolft_pipeline.errors import FixableError
from toolft_pipeline.orchestration.alerts.alert import Alert
from toolft_pipeline.settings import AlertSettings, EmailSettings, WebhookSettings


class AlertError(FixableError, RuntimeError):
    """An alert could not be sent by one channel; the message contains no secret."""


def send_alert(alert: Alert, *, settings: AlertSettings, environment: Mapping[str, str]) -> dict[str, str | None]:
    """Send an alert by every channel of the settings; returns the error, or None, by channel."""
    channels: dict[str, Callable[[], None]] = {}
    webhook, slack, email, timeout_s = settings.webhook, settings.slack, settings.email, settings.timeout_s
    if webhook is not None:
        channels["webhook"] = lambda: _post(_url(webhook, environment), _record(alert), timeout_s=timeout_s)
    if slack is not None:
        channels["slack"] = lambda: _post(_url(slack, environment), {"text": alert.text}, timeout_s=timeout_s)
    if email is not None:
        channels["email"] = lambda: _mail(alert, email, environment, timeout_s=timeout_s)
    return {name: _send(channel) for name, channel in channels.items()}


def _send(channel: Callable[[], None]) -> str | None:
    try:
        channel()
    except AlertError as error:
        return str(error)
    except Exception as error:  # whatever a library raises, it must not fail the sensor
        return type(error).__name__
    return None


def _record(alert: Alert) -> dict[str, Any]:
    return {
        "agent": alert.agent,
        "stage": alert.subject,
        "day": alert.days[0] if len(alert.days) == 1 else None,
        "days": list(alert.days),
        "error": alert.error,
        "run_id": alert.run_ids[-1] if alert.run_ids else None,
        "run_ids": list(alert.run_ids),
        "text": alert.text,
    }


def _url(settings: WebhookSettings, environment: Mapping[str, str]) -> str:
    url = _secret(settings.url_from, environment)
    if not url.startswith(("https://", "http://")):
        raise AlertError(f"{settings.url_from} has no http(s) URL; set it to one")
    return url


def _secret(name: str, environment: Mapping[str, str]) -> str:
    if not environment.get(name):
        raise AlertError(f"{name} is not set; set it where Dagster's code server runs")
    return environment[name]


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """Follow no redirect: it would turn the POST into a GET that looks like success."""

    def redirect_request(self, *_args: Any, **_kwargs: Any) -> None:
        """Refuse, so that the redirect's status is the answer."""


_OPENER = urllib.request.build_opener(_NoRedirect)


def _post(url: str, body: dict[str, Any], *, timeout_s: float) -> None:
    data = json.dumps(body, ensure_ascii=False).encode()
    try:
        request = urllib.request.Request(url, data=data, headers={"Content-Type": "application/json"}, method="POST")
        with _OPENER.open(request, timeout=timeout_s):
            return
    except urllib.error.HTTPError as error:
        with error:
            raise AlertError(f"the server answered {error.code} {_phrase(error.code)}".rstrip()) from None
    except urllib.error.URLError as error:
        raise AlertError(f"no answer ({_cause(error.reason)})") from None
    except OSError as error:
        raise AlertError(f"no answer ({_cause(error)})") from None


def _mail(alert: Alert, settings: EmailSettings, environment: Mapping[str, str], *, timeout_s: float) -> None:
    message = EmailMessage()
    message["Subject"], message["From"], message["To"] = alert.title, settings.sender, ", ".join(settings.to)
    message.set_content(alert.text)
    try:
        with _session(settings, timeout_s=timeout_s) as session:
            if settings.user is not None:
                session.login(settings.user, _secret(settings.password_from, environment))
            session.send_message(message)
    except smtplib.SMTPNotSupportedError as error:
        raise AlertError("the mail server does not support what alerts.email needs (STARTTLS or a login)") from error
    except smtplib.SMTPResponseException as error:
        raise AlertError(f"the mail server answered {error.smtp_code}") from None
    except smtplib.SMTPException as error:
        raise AlertError(f"the mail server refused ({type(error).__name__})") from None
    except OSError as error:
        raise AlertError(f"no connection to the mail server ({_cause(error)})") from None


def _session(settings: EmailSettings, *, timeout_s: float) -> smtplib.SMTP:
    if settings.security == "tls":
        return smtplib.SMTP_SSL(settings.host, settings.port, timeout=timeout_s, context=ssl.create_default_context())
    session = smtplib.SMTP(settings.host, settings.port, timeout=timeout_s)
    if settings.security == "starttls":
        try:
            session.starttls(context=ssl.create_default_context())
        except Exception:
            session.close()
            raise
    return session


def _phrase(code: int) -> str:
    try:
        return HTTPStatus(code).phrase
    except ValueError:
        return ""


def _cause(error: object) -> str:
    """The operating system's message (`Connection refused`), else only the type of the error."""
    message = error.strerror if isinstance(error, OSError) else None
    return message or type(error).__name__
