"""Announced shutdowns of models, and of hosts' fine-tuning: a model that ends soon is not worth a job.

Invariant: what a person wrote decides, then what the host says now, then this table. Each entry has its source and the
day of the announcement.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from urllib.parse import urlsplit

from toolft_pipeline.training.managed.hosts.errors import ManagedTrainingError

_DEPRECATIONS = 'OpenAI, page "Deprecations"'


@dataclass(frozen=True, kw_only=True)
class Shutdown:
    """A model at a host ends on `day`, and with it every model that was fine-tuned from it."""

    host: str
    model: str
    day: date
    announced: date
    source: str = _DEPRECATIONS


def _openai(models: tuple[str, ...], *, day: date, announced: date) -> tuple[Shutdown, ...]:
    return tuple(Shutdown(host="api.openai.com", model=model, day=day, announced=announced) for model in models)


ANNOUNCED: tuple[Shutdown, ...] = (
    *_openai(
        (
            "gpt-4o",
            "gpt-4o-2024-08-06",
            "gpt-4o-2024-11-20",
            "gpt-4o-mini",
            "gpt-4o-mini-2024-07-18",
            "gpt-4.1",
            "gpt-4.1-2025-04-14",
            "gpt-4.1-mini",
            "gpt-4.1-mini-2025-04-14",
        ),
        day=date(2027, 1, 14),
        announced=date(2026, 10, 14),
    ),
    *_openai(
        ("gpt-4.1-nano", "gpt-4.1-nano-2025-04-14", "gpt-3.5-turbo", "gpt-3.5-turbo-0125", "gpt-4-0613"),
        day=date(2026, 10, 23),
        announced=date(2026, 4, 22),
    ),
)
"""Models that could be fine-tuned, and their aliases."""

LAST_JOBS = {"api.openai.com": date(2027, 1, 6)}
"""The day from which a host starts no new jobs: OpenAI, page "Deprecations", announced 7 May 2026."""


def refuse_if_ending(
    *,
    base_url: str,
    model: str,
    min_days: int,
    written: str | None,
    by_host: str | None,
    today: date,
) -> None:
    """Refuse a model that is shut down within `min_days`, and a host that starts no jobs any more.

    `written` is the day in the agent file, `by_host` what the host says. Raises `ManagedTrainingError`.
    """
    host = urlsplit(base_url).hostname or ""
    last = LAST_JOBS.get(host)
    if last is not None and today >= last:
        raise ManagedTrainingError(
            f"{host} starts no fine-tuning jobs since {last} ({_DEPRECATIONS}); name another host in managed.base_url, "
            "or train on this machine without the `managed` section"
        )
    day, source = _day(host, model, written=written, by_host=by_host)
    if day is None or (day - today).days >= min_days:
        return
    raise ManagedTrainingError(
        f"{host} shuts {model} down on {day} ({source}), in {(day - today).days} days, and with it what is fine-tuned "
        f"from it; managed.min_days_to_shutdown is {min_days}: name another managed.model, or set "
        "managed.shutdown_date if that day is wrong"
    )


def _day(host: str, model: str, *, written: str | None, by_host: str | None) -> tuple[date | None, str]:
    if written is not None:
        return date.fromisoformat(written), "managed.shutdown_date"
    if by_host is not None:
        return date.fromisoformat(by_host), "the host's own list of models"
    base = model.split(":")[1] if model.startswith("ft:") else model  # a fine-tuned model that is tuned further
    for each in ANNOUNCED:
        if (each.host, each.model) == (host, base):
            return each.day, f"{each.source}, announced {each.announced}"
    return None, ""
