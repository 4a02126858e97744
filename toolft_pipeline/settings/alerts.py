"""`alerts`: who is notified of failures."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from toolft_pipeline.settings.section import Section


class WebhookSettings(Section):
    """Where an alert is posted."""

    url_from: str = Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")
    """Environment variable that holds the URL; whoever knows the URL can post, so it stands in no file."""


class EmailSettings(Section):
    """How an alert is mailed."""

    host: str = Field(min_length=1)
    """Mail server."""
    port: int = Field(587, gt=0, lt=65536)
    """Port of the mail server: 587 for STARTTLS, usually 465 for TLS."""
    security: Literal["starttls", "tls", "none"] = "starttls"
    """`starttls` refuses a server that does not offer it; `none` is for a relay on this machine."""
    sender: str = Field(min_length=3)
    """Address that alerts come from."""
    to: tuple[str, ...] = Field(min_length=1)
    """Addresses that alerts go to."""
    user: str | None = None
    """Name to log in with; None sends without a login."""
    password_from: str = Field("TOOLFT_SMTP_PASSWORD", pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")
    """Environment variable that holds the password; read where `user` is set."""


class AlertSettings(Section):
    """Who is notified when a run or a tick fails or an asset is late, and how. Each channel is tried; where all of
    them fail, the alert is sent again for a quarter of an hour."""

    webhook: WebhookSettings | None = None
    """A POST of one JSON object: agent, stage, day, days, error, run_id, run_ids, text; `day` is null for
    several."""
    slack: WebhookSettings | None = None
    """A Slack incoming webhook."""
    email: EmailSettings | None = None
    timeout_s: float = Field(10.0, gt=0)
    """Seconds until one way is given up."""
    ui: str = Field("http://127.0.0.1:3000", pattern=r"^https?://")
    """Where people reach the UI: alerts link to the run there."""
