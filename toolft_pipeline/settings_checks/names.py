"""Names that an agent file takes from somewhere: a chat format, a model to compare with, a time zone, an owner."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date
from importlib.metadata import distributions
from zoneinfo import ZoneInfo, available_timezones

from toolft_pipeline.chat.formats import FORMATS
from toolft_pipeline.chat.rendering.conversation import REPLACE, STRIP_TOOLS
from toolft_pipeline.ingest.formats import AUTO
from toolft_pipeline.ingest.formats import FORMATS as LOG_FORMATS
from toolft_pipeline.settings import ChatSettings, EvaluationSettings, LogSettings, ScheduleSettings
from toolft_pipeline.settings_checks.problem import Problem, nearest, shown
from toolft_pipeline.training.base.packaged_gguf import BaseModelError, find_gguf

_UNTUNED = ("base", "base_catalog")
_ALWAYS_COMPARED = frozenset({"candidate", "in_service", "incumbent"})
_POLICIES = ("keep", "strip", STRIP_TOOLS)
_FIRST_YEAR = 1970
_ADDRESS = re.compile(r"[A-Za-z0-9._%+-]+@[A-Za-z0-9.-]+\.[A-Z|a-z]{2,7}")
"""What Dagster takes for an e-mail address."""


def log_problems(logs: LogSettings) -> Iterator[Problem]:
    """A log format that is not registered."""
    if logs.format not in (AUTO, *LOG_FORMATS):
        known = ", ".join((AUTO, *LOG_FORMATS))
        message = f"no log format named {logs.format!r}; known: {known}{nearest(logs.format, LOG_FORMATS)}"
        yield Problem(key="logs.format", message=message)


def chat_problems(chat: ChatSettings) -> Iterator[Problem]:
    """A chat format that is not registered, a policy for system prompts that is none."""
    if chat.format not in FORMATS:
        known = ", ".join(sorted(FORMATS))
        message = f"no chat format named {chat.format!r}; known: {known}{nearest(chat.format, FORMATS)}"
        yield Problem(key="chat.format", message=message)
    policy = chat.system_prompt
    if policy.startswith(REPLACE):
        if not policy.removeprefix(REPLACE).strip():
            yield Problem(key="chat.system_prompt", message=f"a text is wanted after {REPLACE!r}, or write strip")
    elif policy not in _POLICIES:
        wanted = f"keep, strip, {STRIP_TOOLS} or '{REPLACE} TEXT' is wanted"
        yield Problem(key="chat.system_prompt", message=f"{shown(policy)} is not known; {wanted}{_policy(policy)}")


def _policy(policy: str) -> str:
    return nearest(policy, _POLICIES) or nearest(policy.partition(":")[0], [REPLACE.rstrip(":")])


def comparison_problems(evaluation: EvaluationSettings) -> Iterator[Problem]:
    """Names in `evaluation.compare` that are no model: neither untuned base, endpoint nor installed model package."""
    for place, name in enumerate(evaluation.compare):
        key = f"evaluation.compare.{place}"
        if name in evaluation.compare[:place]:
            yield Problem(key=key, message=f"{name!r} stands twice; remove one")
        elif name in _ALWAYS_COMPARED:
            yield Problem(key=key, message=f"{name!r} is in every report; remove it")
        elif name not in _UNTUNED and name not in evaluation.endpoints and (why := _no_package(name)):
            known = ", ".join((*_UNTUNED, *evaluation.endpoints))
            near = nearest(name, (*_UNTUNED, *evaluation.endpoints)) or nearest(name, _model_packages())
            message = f"no model named {name!r}; {known}, or an installed model package is wanted ({why}){near}"
            yield Problem(key=key, message=message, also=("evaluation.endpoints",))


def _no_package(name: str) -> str | None:
    """Why a name is no installed package with a model; None where it is one."""
    try:
        find_gguf(name)
    except BaseModelError as error:
        return str(error).partition(": ")[2]
    except ValueError:
        return "a name is wanted"
    return None


def _model_packages() -> list[str]:
    return [each.name for each in distributions() if "gguf" in each.name.lower() or each.name.startswith("llm-")]


def schedule_problems(schedule: ScheduleSettings) -> Iterator[Problem]:
    """A time zone that does not exist."""
    zone = schedule.time_zone
    try:
        ZoneInfo(zone)
    except (KeyError, ValueError, OSError):
        wanted = "a name such as Europe/Berlin, America/New_York or UTC is wanted"
        message = f"no time zone named {zone!r}; {wanted}{nearest(zone, available_timezones())}"
        yield Problem(key="schedule.time_zone", message=message)


def owner_problems(owner: str) -> Iterator[Problem]:
    """An owner that Dagster does not show."""
    if not _ADDRESS.fullmatch(owner) and not (owner.startswith("team:") and len(owner) > len("team:")):
        yield Problem(key="owner", message=f"team:NAME or an e-mail address is wanted, found {shown(owner)}")


def first_day_problems(first_day: str) -> Iterator[Problem]:
    """A first day that no calendar has, or that no log can be of."""
    try:
        year = date.fromisoformat(first_day).year
    except ValueError as error:
        yield Problem(key="first_day", message=f"{first_day} is no day of the calendar ({error})")
        return
    if year < _FIRST_YEAR:
        yield Problem(key="first_day", message=f"a day since {_FIRST_YEAR}-01-01 is wanted, found {first_day}")
