"""The impact of a proposed catalog: rows lost and regained, versions to rebuild, and the time that this takes.

Invariant: nothing in the warehouse or the agent's folder is written. Which versions are rebuilt follows from the
stages' declarations; each stage says itself whether its content stays the same, from the previews of the days or by
building it in a temporary folder. The estimated time is what the versions in force took.
"""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from toolft_pipeline.catalog.build import CATALOG_FILE, build_catalog, built_renames, load_catalog
from toolft_pipeline.catalog.diff import CatalogDiff, diff_catalogs
from toolft_pipeline.settings import AgentSettings
from toolft_pipeline.stages import tool_catalog
from toolft_pipeline.stages.planning.plan import partitions_of
from toolft_pipeline.stages.spec import sources
from toolft_pipeline.stages.spec.inputs import window
from toolft_pipeline.stages.spec.proposal import Proposal
from toolft_pipeline.stages.spec.stage import PartitionScope, Stage, StageError
from toolft_pipeline.surrogate_key import surrogate_key
from toolft_pipeline.verification.catalog_impact import DayPreview, LostRun, VerifiedDay, preview_day
from toolft_pipeline.verification.rules.rule_set import load_rules
from toolft_pipeline.warehouse.manifest import ArtifactKey
from toolft_pipeline.warehouse.store import Warehouse


@dataclass(frozen=True, kw_only=True)
class AssetImpact:
    """The versions of one asset: how many are rebuilt, how many are kept, and the seconds that the rebuild takes.

    `same`: rebuilt versions that keep their content, so that nothing downstream is rebuilt.
    """

    asset: str
    rebuilt: int
    same: int
    kept: int
    seconds: float


@dataclass(frozen=True, kw_only=True)
class ImpactAnalysis:
    """What the proposed catalog does to the days of the window."""

    diff: CatalogDiff
    days: tuple[DayPreview, ...]
    undemonstrated: tuple[str, ...]
    """Tools of the proposed catalog that no accepted run of the window calls."""
    assets: tuple[AssetImpact, ...]

    @property
    def lost(self) -> list[LostRun]:
        """All runs that are lost."""
        return [run for day in self.days for run in day.lost]

    @property
    def seconds(self) -> float:
        """Estimated duration of the rebuild."""
        return sum(asset.seconds for asset in self.assets)


def analyze_impact(
    stages: tuple[Stage, ...], settings: AgentSettings, warehouse: Warehouse, *, catalog: Path, days: list[str]
) -> ImpactAnalysis:
    """Verify the window that ends on the last of `days` against the catalog in a file.

    Raises `StageError` if the days have no versions, `CatalogError` if the file is not a catalog.
    """
    old = warehouse.current(ArtifactKey(agent=settings.name, asset="tool_catalog"))
    if old is None:
        raise StageError(f"{settings.name}: tool_catalog has no version; run `toolft run {settings.name}` first")
    with tempfile.TemporaryDirectory(prefix="toolft-impact-") as folder:
        proposed = Path(folder) / "catalog"
        proposed.mkdir()
        build_catalog(_with_catalog(settings, catalog), proposed)
        previews = _previews(settings, warehouse, today=old.folder, proposed=proposed, last=days[-1])
        differs = _content(proposed) != _content(old.folder)
        proposal = Proposal(
            settings=settings,
            warehouse=warehouse,
            previews={preview.day: preview for preview in previews},
            catalog=proposed,
            same_names=load_catalog(proposed).names == load_catalog(old.folder).names,
            scratch=Path(folder),
            new={(tool_catalog.STAGE.asset, None)} if differs else set(),
        )
        assets = tuple(_walk(stages, proposal))
        new = load_catalog(proposed)
    called = sum((Counter(day.tools) for day in previews), Counter[str]())
    return ImpactAnalysis(
        diff=diff_catalogs(old=load_catalog(old.folder), new=new),
        days=tuple(previews),
        undemonstrated=tuple(name for name in new.names if not called[name]),
        assets=assets,
    )


def _with_catalog(settings: AgentSettings, catalog: Path) -> AgentSettings:
    """The agent's settings with the proposed file as its catalog."""
    source = settings.catalog.model_copy(update={"file": str(catalog.resolve()), "module": None, "mcp": False})
    return settings.model_copy(update={"catalog": source})


def _content(folder: Path) -> tuple[str, Mapping[str, str]]:
    """The part of a built catalog that other stages read."""
    return (folder / CATALOG_FILE).read_text(encoding="utf-8"), built_renames(folder) or {}


def _previews(
    settings: AgentSettings, warehouse: Warehouse, *, today: Path, proposed: Path, last: str
) -> list[DayPreview]:
    key = surrogate_key()
    in_force, proposal = (load_rules(catalog=folder, settings=settings, key=key) for folder in (today, proposed))
    previews = []
    for day in window(settings, last):
        raw, verified = (
            warehouse.current(ArtifactKey(agent=settings.name, asset=asset, partition=day))
            for asset in ("raw_trajectories", "verified_trajectories")
        )
        if raw is not None and verified is not None:
            verified_day = VerifiedDay(
                day=day, raw=raw.folder, verified=verified.folder, sources=sources.verified_day(settings, raw)
            )
            previews.append(preview_day(verified_day, settings=settings, today=in_force, proposal=proposal))
    if not previews:
        raise StageError(f"{settings.name}: no day of the window was verified; run `toolft run {settings.name}` first")
    return previews


def _walk(stages: tuple[Stage, ...], proposal: Proposal) -> list[AssetImpact]:
    """The impact on each stage, in the order of the flow: a version is rebuilt if one of its inputs is new."""
    assets = []
    for stage in stages:
        partitions = partitions_of(stage, list(proposal.previews))
        rebuilt = [
            each for each in partitions if (stage.asset, each) in proposal.new or _reads_new(stage, each, proposal)
        ]
        same = [] if stage.same_under is None else [each for each in rebuilt if stage.same_under(proposal, each)]
        proposal.new.update((stage.asset, each) for each in rebuilt if each not in same)
        versions = [proposal.version(stage.asset, each) for each in rebuilt]
        assets.append(
            AssetImpact(
                asset=stage.asset,
                rebuilt=len(rebuilt),
                same=len(same),
                kept=len(partitions) - len(rebuilt),
                seconds=sum(
                    version.manifest.duration_s * stage.share_under(proposal, version)
                    for version in versions
                    if version is not None
                ),
            )
        )
    return assets


def _reads_new(stage: Stage, partition: str | None, proposal: Proposal) -> bool:
    for asset, span in stage.inputs.items():
        if asset in stage.optional and not stage.optional[asset](proposal.settings):
            continue
        partitions: list[str | None] = [None] if span is PartitionScope.WHOLE else [partition]
        if span is PartitionScope.WINDOW:
            partitions = [*window(proposal.settings, partition or "")]
        if any((asset, each) in proposal.new for each in partitions):
            return True
    return False
