"""What a proposed catalog would cost: rows, tools, versions to make again and about how long that takes.

Invariant: nothing in the warehouse or the agent's folder is written. Which versions would be made again follows from
the stages' own declarations; whether one comes out the same is computed by the stage's own function, into a folder that
is removed, wherever no rule of it tells. How long each takes is what its version in force took.
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
from toolft_pipeline.verification.catalog_impact import DayPreview, LostRun, preview_day
from toolft_pipeline.verification.judge import make_judge
from toolft_pipeline.warehouse.manifest import Address
from toolft_pipeline.warehouse.store import Warehouse


@dataclass(frozen=True, kw_only=True)
class AssetImpact:
    """The versions of one asset: how many would be made again, how many keep, and the seconds that those take.

    `same` of the remade ones would come out as they are, so that nothing downstream of them is touched.
    """

    asset: str
    remade: int
    same: int
    kept: int
    seconds: float


@dataclass(frozen=True, kw_only=True)
class ImpactAnalysis:
    """What the proposal would do to the days of the window."""

    diff: CatalogDiff
    days: tuple[DayPreview, ...]
    undemonstrated: tuple[str, ...]
    """Tools of the proposal that no run of the window would call."""
    assets: tuple[AssetImpact, ...]

    @property
    def lost(self) -> list[LostRun]:
        """Every run that would be lost."""
        return [run for day in self.days for run in day.lost]

    @property
    def seconds(self) -> float:
        """About how long the work takes."""
        return sum(asset.seconds for asset in self.assets)


def analyze_impact(
    stages: tuple[Stage, ...], settings: AgentSettings, warehouse: Warehouse, *, catalog: Path, days: list[str]
) -> ImpactAnalysis:
    """Judge the window that ends on the last of `days` under the catalog of a file.

    Raises `StageError` where the days were never made, `CatalogError` for a file that is no catalog.
    """
    old = warehouse.current(Address(agent=settings.name, asset="tool_catalog"))
    if old is None:
        raise StageError(f"{settings.name}: no catalog was ever made; run `toolft run {settings.name}` first")
    with tempfile.TemporaryDirectory(prefix="toolft-forecast-") as folder:
        proposed = Path(folder) / "catalog"
        proposed.mkdir()
        build_catalog(_proposing(settings, catalog), proposed)
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


def _proposing(settings: AgentSettings, catalog: Path) -> AgentSettings:
    """The settings of an agent whose catalog is the proposed file."""
    source = settings.catalog.model_copy(update={"file": str(catalog.resolve()), "module": None, "mcp": False})
    return settings.model_copy(update={"catalog": source})


def _content(folder: Path) -> tuple[str, Mapping[str, str]]:
    """What of a built catalog other stages read."""
    return (folder / CATALOG_FILE).read_text(encoding="utf-8"), built_renames(folder) or {}


def _previews(
    settings: AgentSettings, warehouse: Warehouse, *, today: Path, proposed: Path, last: str
) -> list[DayPreview]:
    in_force, proposal = (make_judge(catalog=folder, settings=settings) for folder in (today, proposed))
    backend = {**sources.sandbox(settings)}
    found = []
    for day in window(settings, last):
        raw, verified = (
            warehouse.current(Address(agent=settings.name, asset=asset, partition=day))
            for asset in ("raw_trajectories", "verified_trajectories")
        )
        if raw is not None and verified is not None:
            preview = preview_day(
                day=day,
                raw=raw.folder,
                verified=verified.folder,
                today=in_force,
                proposal=proposal,
                backend=backend,
            )
            found.append(preview)
    if not found:
        raise StageError(f"{settings.name}: no day was ever verified; run `toolft run {settings.name}` first")
    return found


def _walk(stages: tuple[Stage, ...], proposal: Proposal) -> list[AssetImpact]:
    """Every stage in the order of the flow; a version is made again where one that it reads comes out new."""
    assets = []
    for stage in stages:
        partitions = partitions_of(stage, list(proposal.previews))
        remade = [
            each for each in partitions if (stage.asset, each) in proposal.new or _reads_new(stage, each, proposal)
        ]
        same = [] if stage.same_under is None else [each for each in remade if stage.same_under(proposal, each)]
        proposal.new.update((stage.asset, each) for each in remade if each not in same)
        versions = [proposal.version(stage.asset, each) for each in remade]
        assets.append(
            AssetImpact(
                asset=stage.asset,
                remade=len(remade),
                same=len(same),
                kept=len(partitions) - len(remade),
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
        partitions: list[str | None] = [None] if span is PartitionScope.WHOLE else [partition]
        if span is PartitionScope.WINDOW:
            partitions = [*window(proposal.settings, partition or "")]
        if any((asset, each) in proposal.new for each in partitions):
            return True
    return False
