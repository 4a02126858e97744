"""Settings of a throw-away agent for tests of single stages."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from toolft_pipeline.ingest.day import RawSummary, log_files, read_day
from toolft_pipeline.ingest.feedback import feedback_files
from toolft_pipeline.settings import AgentSettings
from toolft_pipeline.surrogate_key import surrogate_key
from toolft_pipeline.verification.day import DaySources, VerificationSummary, verify_day
from toolft_pipeline.verification.rules.rule_set import load_rules


def agent(folder: Path, **sections: Any) -> AgentSettings:
    """An agent whose file would lie in `folder`, with everything that the sections do not name at its default."""
    return AgentSettings.model_validate(
        {
            "name": "tester",
            "folder": folder,
            "first_day": "2026-10-01",
            "catalog": {"file": "catalog.json"},
            "base_model": {"folder": "model"},
            **sections,
        }
    )


def read_agent_day(settings: AgentSettings, *, day: str, out: Path) -> RawSummary:
    """Read a day of an agent's logs, as raw_trajectories does."""
    return read_day(
        log_files(settings.path(settings.logs.folder), day=day),
        day=day,
        time_zone=settings.schedule.time_zone,
        agent=settings.name,
        settings=settings.logs,
        key=surrogate_key(),
        out=out,
        feedback=feedback_files(settings.path(settings.logs.folder), day=day),
    )


def verify_agent_day(
    settings: AgentSettings,
    *,
    day: str,
    raw: Path,
    catalog: Path,
    out: Path,
    sources: DaySources | None = None,
    previous: Path | None = None,
) -> VerificationSummary:
    """Verify a raw day of an agent, as verified_trajectories does."""
    return verify_day(
        raw=raw,
        rules=load_rules(catalog=catalog, settings=settings, key=surrogate_key()),
        settings=settings,
        day=day,
        out=out,
        progress=print,
        sources=sources,
        previous=previous,
    )
