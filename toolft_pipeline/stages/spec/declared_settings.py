"""Groups of settings that more than one stage declares, so that no stage forgets a part of what it reads.

Invariant: placement (folders, sessions, time limits) is in none of them; files enter a fingerprint by their digests.
"""

from __future__ import annotations

from typing import Any

from toolft_pipeline.settings import AgentSettings
from toolft_pipeline.warehouse.digest import Json

_READING = {"format", "remote_parents", "side_calls", "max_line_bytes", "max_image_bytes", "max_image_pixels"}


def log_reading(settings: AgentSettings) -> dict[str, Any]:
    """How log files, and golden runs among them, become runs."""
    return settings.logs.model_dump(mode="json", include=_READING)


def golden_runs(settings: AgentSettings) -> Json:
    """How golden runs are read and which day they join; None where the agent has no file of them."""
    return None if settings.logs.golden is None else {**log_reading(settings), "first_day": settings.first_day}


def sandbox_protocol(settings: AgentSettings) -> Json:
    """How the backend is reset, shown and compared; its command and code enter by their digest."""
    sandbox = settings.sandbox
    return None if sandbox is None else [sandbox.reset_tool, sandbox.snapshot_tool, sorted(sandbox.volatile)]
