"""`schedule`: when the pipeline runs."""

from __future__ import annotations

from pydantic import Field

from toolft_pipeline.settings.section import Section


class ScheduleSettings(Section):
    """When the night starts, what starts by itself, and when a night is not worth a model."""

    hour: int = Field(2, ge=0, le=23)
    """Hour at which the night starts, in `time_zone`."""
    time_zone: str = "UTC"
    """IANA name of the zone that days and hours are counted in, such as Europe/Berlin."""
    running: bool = False
    """Whether the nightly schedule, the sensors and the automation of this agent run as soon as the daemon does. Until
    then a person starts each in the UI. What was switched there by hand stays as it was switched."""
    min_new_rows: int = Field(10, ge=1)
    """Accepted runs that are new since the last model, below which the night makes no model."""
    settle_s: float = Field(300.0, ge=0)
    """Seconds that a log file must lie unchanged before its day is read: a file that is still being written waits."""
