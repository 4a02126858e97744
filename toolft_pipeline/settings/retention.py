"""`retention`: how long versions are kept."""

from __future__ import annotations

from pydantic import Field

from toolft_pipeline.settings.section import Section


class RetentionSettings(Section):
    """What `toolft prune` leaves beside what is in force, what serves, and all that either was made from."""

    keep_days: int = Field(30, ge=1)
    """Days that a version stays after another came into force in its place."""
    keep_versions: int = Field(2, ge=1)
    """Versions of a partition that stay at the least, the one in force among them."""
    merged_models: int = Field(3, ge=1)
    """Newest as-of days whose merged models keep their weights. Of older ones the manifest stays, and the adapter makes
    the weights again."""
    served_models: int = Field(2, ge=2)
    """Models that keep their weights because they serve or served last: a rollback finds them whole. Two at the least:
    a model that serves is judged again beside the one before it."""
    hour: int = Field(12, ge=0, le=23)
    """When the schedule `<agent>_prune` runs, in `schedule.time_zone`."""
