"""Checks of values from open sets: formats, sandbox kind, models to compare with, time zone, owner, first day."""

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
from toolft_pipeline.sandbox.kinds import KINDS
from toolft_pipeline.settings import ChatSettings, EvaluationSettings, LogSettings, SandboxSettings, ScheduleSettings
from toolft_pipeline.settings_checks.problem import Problem, did_you_mean, quoted
from toolft_pipeline.training.base.packaged_gguf import BaseModelError, find_gguf

_UNTUNED = ("base", "base_catalog")
_ALWAYS_COMPARED = frozenset({"candidate", "in_service", "incumbent"})
_POLICIES = ("keep", "strip", STRIP_TOOLS)
_FIRST_YEAR = 1970
_ADDRESS = re.compile(r"[A-Za-z0-9._%+-]+@[A-Za-z0-9.-]+\.[A-Z|a-z]{2,7}")
"""Dagster's pattern of an e-mail address."""


def log_problems(logs: LogSettings) -> Iterator[Problem]:
    """A log format that is not registered."""
    if logs.format not in (AUTO, *LOG_FORMATS):
        known = ", ".join((AUTO, *LOG_FORMATS))
        message = f"no log format named {logs.format!r}; known: {known}{did_you_mean(logs.format, LOG_FORMATS)}"
        yield Problem(key="logs.format", message=message)


def sandbox_problems(sandbox: SandboxSettings | None) -> Iterator[Problem]:
    """A sandbox kind that is not registered."""
    if sandbox is not None and sandbox.kind not in KINDS:
        message = (
            f"no sandbox kind named {sandbox.kind!r}; known: {', '.join(KINDS)}{did_you_mean(sandbox.kind, KINDS)}"
        )
        yield Problem(key="sandbox.kind", message=message)


def chat_problems(chat: ChatSettings) -> Iterator[Problem]:
    """An unregistered chat format, an unknown policy for system prompts."""
    if chat.format not in FORMATS:
        known = ", ".join(sorted(FORMATS))
        message = f"no chat format named {chat.format!r}; known: {known}{did_you_mean(chat.format, FORMATS)}"
        yield Problem(key="chat.format", message=message)
    policy = chat.system_prompt
    if policy.startswith(REPLACE):
        if not policy.removeprefix(REPLACE).strip():
            yield Problem(key="chat.system_prompt", message=f"no text after {REPLACE!r}; add one, or write strip")
    elif policy not in _POLICIES:
        message = f"expected keep, strip, {STRIP_TOOLS} or '{REPLACE} TEXT', got {quoted(policy)}{_near_policy(policy)}"
        yield Problem(key="chat.system_prompt", message=message)


def _near_policy(policy: str) -> str:
    return did_you_mean(policy, _POLICIES) or did_you_mean(policy.partition(":")[0], [REPLACE.rstrip(":")])


def comparison_problems(evaluation: EvaluationSettings) -> Iterator[Problem]:
    """Names in `evaluation.compare` that are neither base, endpoint nor installed model package."""
    for index, name in enumerate(evaluation.compare):
        key = f"evaluation.compare.{index}"
        if name in evaluation.compare[:index]:
            yield Problem(key=key, message=f"{name!r} is listed twice; remove one")
        elif name in _ALWAYS_COMPARED:
            yield Problem(key=key, message=f"{name!r} is in every report; remove it")
        elif name not in _UNTUNED and name not in evaluation.endpoints and (why := _no_package(name)):
            known = ", ".join((*_UNTUNED, *evaluation.endpoints))
            near = did_you_mean(name, (*_UNTUNED, *evaluation.endpoints)) or did_you_mean(name, _model_packages())
            message = f"no model named {name!r} ({why}); write {known} or an installed model package{near}"
            yield Problem(key=key, message=message, also=("evaluation.endpoints",))


def _no_package(name: str) -> str | None:
    """Why a name is not an installed package with a model; None where it is."""
    try:
        find_gguf(name)
    except BaseModelError as error:
        return str(error).partition(": ")[2]
    except ValueError:
        return "not a package name"
    return None


def _model_packages() -> list[str]:
    return [each.name for each in distributions() if "gguf" in each.name.lower() or each.name.startswith("llm-")]


def schedule_problems(schedule: ScheduleSettings) -> Iterator[Problem]:
    """A time zone that does not exist."""
    zone = schedule.time_zone
    try:
        ZoneInfo(zone)
    except (KeyError, ValueError, OSError):
        examples = "Europe/Berlin, America/New_York or UTC"
        message = (
            f"no time zone named {zone!r}; write one such as {examples}{did_you_mean(zone, available_timezones())}"
        )
        yield Problem(key="schedule.time_zone", message=message)


def owner_problems(owner: str) -> Iterator[Problem]:
    """An owner that Dagster does not accept."""
    if not _ADDRESS.fullmatch(owner) and not (owner.startswith("team:") and len(owner) > len("team:")):
        yield Problem(key="owner", message=f"expected team:NAME or an e-mail address, got {quoted(owner)}")


def first_day_problems(first_day: str) -> Iterator[Problem]:
    """A first day that does not exist or is too early for any log."""
    try:
        year = date.fromisoformat(first_day).year
    except ValueError as error:
        yield Problem(key="first_day", message=f"{first_day} is not a valid date ({error}); write YYYY-MM-DD")
        return
    if year < _FIRST_YEAR:
        yield Problem(key="first_day", message=f"expected a day since {_FIRST_YEAR}-01-01, got {first_day}")
