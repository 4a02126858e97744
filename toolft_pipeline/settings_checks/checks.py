"""All checks of an agent file beyond its schema that need only the file and the installed packages."""

from __future__ import annotations

from collections.abc import Iterator

from toolft_pipeline.settings import AgentSettings
from toolft_pipeline.settings_checks.contradictions import (
    curation_problems,
    evaluation_problems,
    managed_problems,
    serving_problems,
    source_problems,
    training_problems,
    turn_problems,
)
from toolft_pipeline.settings_checks.library_keys import library_key_problems
from toolft_pipeline.settings_checks.names import (
    chat_problems,
    comparison_problems,
    first_day_problems,
    log_problems,
    owner_problems,
    sandbox_problems,
    schedule_problems,
)
from toolft_pipeline.settings_checks.problem import Problem


def settings_problems(settings: AgentSettings) -> Iterator[Problem]:
    """Every problem of the settings that their schema allows, in the order of the sections."""
    yield from owner_problems(settings.owner)
    yield from first_day_problems(settings.first_day)
    yield from source_problems(settings.catalog, settings.sandbox, settings.base_model)
    yield from sandbox_problems(settings.sandbox)
    yield from log_problems(settings.logs)
    yield from chat_problems(settings.chat)
    yield from turn_problems(settings.verification, settings.chat)
    yield from curation_problems(settings.curation)
    yield from training_problems(settings.training)
    yield from managed_problems(settings.managed, settings.evaluation, settings.training)
    yield from library_key_problems(settings.training)
    yield from comparison_problems(settings.evaluation)
    yield from evaluation_problems(settings.evaluation, settings.gate)
    yield from serving_problems(settings.serving, settings.training)
    yield from schedule_problems(settings.schedule)
