"""Events for the people who run the server, one line each, and figures for its metrics page."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass, field

LOG = logging.getLogger("toolft.serving")


CANARY_REFUSED = "canary refused"
"""Subject: a candidate gets no conversation."""
CANARY_STOPPED = "canary stopped"
"""Subject: a candidate gets no more conversations."""


@dataclass(frozen=True, kw_only=True)
class Notice:
    """One event that a person should know of.

    `subject` is what it is about (`champion`, `tools`, one of the above), `error` what is wrong, `remedy` what to do.
    """

    agent: str
    subject: str
    error: str
    remedy: str

    def __str__(self) -> str:
        return f"{self.agent}: {self.subject}: {self.error}; {self.remedy}"


Notify = Callable[[Notice], None]
"""Passes an event on. May block: it is called on a thread. Must not raise."""


def in_background(notify: Notify) -> Notify:
    """Pass events on from a thread of their own, for callers that answer requests."""
    return lambda notice: threading.Thread(target=notify, args=(notice,), name="notice", daemon=True).start()


def log_notice(notice: Notice) -> None:
    """Write an event to the server's log."""
    LOG.warning("%s", notice)


@dataclass(frozen=True, kw_only=True)
class Figure:
    """One figure of the metrics page; `total` marks one that only grows (a counter)."""

    name: str
    help: str
    value: float
    labels: dict[str, str] = field(default_factory=dict)
    total: bool = False
