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
from toolft_pipeline.stages.planning.predicted_rows import Foreseen, comes_out_same
from toolft_pipeline.stages.spec import sources
from toolft_pipeline.stages.spec.inputs import window
from toolft_pipeline.stages.spec.stage import Group, PartitionScope, Stage, StageError, artifact_key
from toolft_pipeline.verification.catalog_impact import DayPreview, LostRun, VerifiedDay, preview_day
from toolft_pipeline.verification.rules.rule_set import load_rules
from toolft_pipeline.warehouse.manifest import Address
from toolft_pipeline.warehouse.store import Version, Warehouse


@dataclass(frozen=True, kw_only=True)
class Remade:
    """The versions of one asset: how many would be made again, how many keep, and the seconds that those take.

    `same` of the remade ones would come out as they are, so that nothing downstream of them is touched.
    """

    asset: str
    remade: int
    same: int
    kept: int
    seconds: float


@dataclass(frozen=True, kw_only=True)
class Forecast:
    """What the proposal would do to the days of the window."""

    diff: CatalogDiff
    days: tuple[DayPreview, ...]
    undemonstrated: tuple[str, ...]
    """Tools of the proposal that no run of the window would call."""
    assets: tuple[Remade, ...]

    @property
    def lost(self) -> list[LostRun]:
        """Every run that would be lost."""
        return [run for day in self.days for run in day.lost]

    @property
    def seconds(self) -> float:
        """About how long the work takes."""
        return sum(asset.seconds for asset in self.assets)


def forecast(
    stages: tuple[Stage, ...], settings: AgentSettings, warehouse: Warehouse, *, catalog: Path, days: list[str]
) -> Forecast:
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
        foreseen = Foreseen(
            settings=settings,
            warehouse=warehouse,
            previews={preview.day: preview for preview in previews},
            catalog=proposed,
            same_names=load_catalog(proposed).names == load_catalog(old.folder).names,
            differs=_content(proposed) != _content(old.folder),
            scratch=Path(folder),
        )
        assets = tuple(_walk(stages, foreseen))
        new = load_catalog(proposed)
    called = sum((Counter(day.tools) for day in previews), Counter[str]())
    return Forecast(
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
    in_force, proposal = (load_rules(catalog=folder, settings=settings) for folder in (today, proposed))
    found = []
    for day in window(settings, last):
        raw, verified = (
            warehouse.current(Address(agent=settings.name, asset=asset, partition=day))
            for asset in ("raw_trajectories", "verified_trajectories")
        )
        if raw is not None and verified is not None:
            verified_day = VerifiedDay(
                day=day, raw=raw.folder, verified=verified.folder, sources=sources.verified_day(settings, raw)
            )
            found.append(preview_day(verified_day, settings=settings, today=in_force, proposal=proposal))
    if not found:
        raise StageError(f"{settings.name}: no day was ever verified; run `toolft run {settings.name}` first")
    return found


def _walk(stages: tuple[Stage, ...], foreseen: Foreseen) -> list[Remade]:
    """Every stage in the order of the flow; a version is made again where one that it reads comes out new."""
    found = []
    for stage in stages:
        partitions = _partitions(stage, list(foreseen.previews))
        remade = [each for each in partitions if _reads_new(stage, each, foreseen)]
        if stage.asset == "tool_catalog":
            remade = partitions if foreseen.differs else []
        same = [each for each in remade if comes_out_same(stage.asset, each, foreseen)]
        foreseen.new.update((stage.asset, each) for each in remade if each not in same)
        seconds = 0.0
        for each in remade:
            version = foreseen.warehouse.current(artifact_key(stage, foreseen.settings, each))
            seconds += 0.0 if version is None else _seconds(stage, version, foreseen.previews.get(each or ""))
        found.append(
            Remade(
                asset=stage.asset,
                remade=len(remade),
                same=len(same),
                kept=len(partitions) - len(remade),
                seconds=seconds,
            )
        )
    return found


def _partitions(stage: Stage, days: list[str]) -> list[str | None]:
    if not stage.partitioned:
        return [None]
    return [*days] if stage.group is Group.DATA else [days[-1]]


def _reads_new(stage: Stage, partition: str | None, foreseen: Foreseen) -> bool:
    for asset, span in stage.inputs.items():
        wanted: list[str | None] = [None] if span is PartitionScope.WHOLE else [partition]
        if span is PartitionScope.WINDOW:
            wanted = [*window(foreseen.settings, partition or "")]
        if any((asset, each) in foreseen.new for each in wanted):
            return True
    return False


def _seconds(stage: Stage, version: Version, preview: DayPreview | None) -> float:
    """What the version in force took; verification only for the share of runs that is replayed again."""
    took = version.manifest.duration_s
    if stage.asset != "verified_trajectories" or preview is None:
        return took
    runs = version.manifest.rows["trajectories"]
    return took * preview.replayed / runs if runs else 0.0
