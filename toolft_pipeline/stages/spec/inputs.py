"""Choose the versions that a build reads.

Invariant: all inputs of a build agree on what they were made from. An input that other inputs were made from is read
in the version that they read, even if a newer one is in force.
"""

from __future__ import annotations

from datetime import date, timedelta

from toolft_pipeline.settings import AgentSettings
from toolft_pipeline.stages.spec.stage import Inputs, PartitionScope, Stage, StageError
from toolft_pipeline.warehouse.manifest import Address
from toolft_pipeline.warehouse.store import Version, Warehouse


def window(settings: AgentSettings, day: str) -> list[str]:
    """The days of the window that ends on `day`, oldest first, from the agent's first day on."""
    last, first = date.fromisoformat(day), date.fromisoformat(settings.first_day)
    days = [last - timedelta(days=back) for back in reversed(range(settings.window_days))]
    return [each.isoformat() for each in days if each >= first]


def current_inputs(stage: Stage, settings: AgentSettings, partition: str | None, warehouse: Warehouse) -> Inputs:
    """The versions that a build would read now. Raises `StageError` if a required one is missing."""
    found: dict[str, dict[str, Version]] = {}
    for asset, span in stage.inputs.items():
        if asset in stage.optional and not stage.optional[asset](settings):
            continue
        if span is PartitionScope.WINDOW:
            wanted: list[str | None] = [*window(settings, partition or "")]
        else:
            wanted = [partition if span is PartitionScope.SAME else None]
        versions = {
            each or "all": version
            for each in wanted
            if (version := warehouse.current(Address(agent=settings.name, asset=asset, partition=each))) is not None
        }
        if not versions and asset not in stage.optional:
            where = f" in the window that ends on {partition}" if span is PartitionScope.WINDOW else ""
            raise StageError(f"{settings.name}/{stage.asset}: {asset} has no version{where}; materialize it first")
        found[asset] = versions
    return _consistent(stage, settings, found, warehouse)


def _consistent(stage: Stage, settings: AgentSettings, found: Inputs, warehouse: Warehouse) -> Inputs:
    """Replace each input that other inputs were made from by the version that they read.

    A catalog that changes between two stages of a day thus reaches the second only after the first is rebuilt. If the
    other inputs (days of a window) disagree, the version in force is read.
    """
    pinned: dict[str, dict[str, Version]] = {asset: dict(versions) for asset, versions in found.items()}
    for asset, versions in found.items():
        others = [version for other, group in found.items() if other != asset for version in group.values()]
        for name, version in versions.items():
            read = {each.manifest.inputs[key] for each in others if (key := f"{asset}/{name}") in each.manifest.inputs}
            if asset in stage.alike and len(read) > 1:
                raise StageError(
                    f"{settings.name}/{stage.asset}: its days were made with {len(read)} versions of {asset}; rebuild "
                    f"the days of the window (`toolft run {settings.name} --data`, or their backfill in the UI)"
                )
            if len(read) != 1 or read == {version.manifest.content_digest}:
                continue
            same = warehouse.with_content(version.manifest.address, read.pop())
            if not same:
                raise StageError(
                    f"{settings.name}/{stage.asset}: the {asset} that its other inputs were made from is gone; "
                    f"materialize {', '.join(other for other in found if other != asset)} again first"
                )
            pinned[asset][name] = same[0]
    return pinned
