"""A proposed catalog, as the stages see it: previews of the days, and which versions come out new.

Invariant: a stage answers "the same content" only where it knows: from the days' previews, or because it made the
content in a scratch folder and compared digests.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from toolft_pipeline.settings import AgentSettings
from toolft_pipeline.verification.catalog_impact import DayPreview
from toolft_pipeline.warehouse.manifest import ArtifactKey
from toolft_pipeline.warehouse.store import Version, Warehouse


@dataclass(frozen=True, kw_only=True)
class Proposal:
    """What is known of a proposed catalog so far."""

    settings: AgentSettings
    warehouse: Warehouse
    previews: Mapping[str, DayPreview]
    """By day of the window."""
    catalog: Path
    """The folder of the proposed catalog, as its stage would write it."""
    same_names: bool
    """Whether the tools' names are those of the catalog in force."""
    scratch: Path
    new: set[tuple[str, str | None]] = field(default_factory=set)
    """Versions that come out with other content, by asset and partition: first the catalog, then what reads it."""

    def version(self, asset: str, partition: str | None) -> Version | None:
        """The version in force."""
        return self.warehouse.current(ArtifactKey(agent=self.settings.name, asset=asset, partition=partition))
