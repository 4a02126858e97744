"""Groups of dotted settings keys that several stages declare, so that no stage forgets a part of what it reads."""

from __future__ import annotations

from toolft_pipeline.settings import AgentSettings
from toolft_pipeline.stages.spec.settings_slice import settings_values
from toolft_pipeline.warehouse.digest import Json

LOG_READING = (
    "logs.format",
    "logs.remote_parents",
    "logs.side_calls",
    "logs.max_line_bytes",
    "logs.max_image_bytes",
    "logs.max_image_pixels",
)
"""How log files, and golden runs among them, become runs."""

GOLDEN_RUNS = (*LOG_READING, "logs.golden", "first_day")
"""How golden runs are read and which day they join. They enter a fingerprint through `golden_runs`."""

SANDBOX_PROTOCOL = ("sandbox.reset_tool", "sandbox.snapshot_tool", "sandbox.volatile")
"""How the backend is reset, shown and compared; its command and code enter a fingerprint by their digest."""

SANDBOX = ("sandbox",)
"""Everything that starting and asking the backend takes."""


def golden_runs(settings: AgentSettings) -> Json:
    """What `GOLDEN_RUNS` say; None where the agent has no file of golden runs, so that they decide nothing."""
    return None if settings.logs.golden is None else settings_values(settings, (*LOG_READING, "first_day"))
