"""A server's events as alerts, by the channels of the agent file and in the log.

Invariant: an alert leaves the machine, so it has the event's first line alone, redacted like a training row. A channel
that fails is a line in the log; it never reaches a request.
"""

from __future__ import annotations

import os
from collections.abc import Mapping

from toolft_pipeline.orchestration.alerts.alert import Alert, first_line
from toolft_pipeline.orchestration.alerts.alert_channels import send_alert
from toolft_pipeline.serving.notice import LOG, Notice, Notify, log_notice
from toolft_pipeline.settings import AgentSettings
from toolft_pipeline.surrogate_key import surrogate_key
from toolft_pipeline.verification.redaction.run import Redactor


def alert_by_channels(settings: AgentSettings, *, environment: Mapping[str, str] = os.environ) -> Notify:
    """Passes an event to the log and to every channel of `alerts`; blocks until they have answered."""
    redactor = Redactor(settings.verification.redaction, key=surrogate_key())

    def notify(notice: Notice) -> None:
        log_notice(notice)
        alert = Alert(
            agent=notice.agent,
            subject=f"server, {notice.subject}",
            error=redactor.text(first_line(notice.error)),
            remedy=notice.remedy,
            link=f"GET /ready on {settings.serving.host}:{settings.serving.port}",
            verb="needs a look",
        )
        sent = send_alert(alert, settings=settings.alerts, environment=environment)
        for channel, problem in sent.items():
            if problem is not None:
                LOG.warning("%s: alerts.%s: not sent: %s", notice.agent, channel, problem)

    return notify
