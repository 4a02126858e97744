"""What a proposed catalog would cost: rows, tools, versions to make again and about how long that takes.

Invariant: nothing is written and no sandbox starts. Which versions would be made again follows from the stages' own
declarations; how long each takes is what its version in force took.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from toolft_pipeline.assets.stage import Group, Span, Stage, StageError, address_of, window
from toolft_pipeline.catalog.build import load_catalog
from toolft_pipeline.catalog.diff import CatalogDiff, diff_catalogs
from toolft_pipeline.settings import AgentSettings, CatalogMode
from toolft_pipeline.verification.judge import make_judge
from toolft_pipeline.verification.preview import DayPreview, LostRun, preview_day
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
    proposed, today = load_catalog(catalog), load_catalog(old.folder)
    changed = frozenset(name for name, digest in proposed.digests.items() if today.digests.get(name) != digest)
    judge = make_judge(catalog=catalog, settings=settings)
    previews = []
    for day in window(settings, days[-1]):
        raw, verified = (
            warehouse.current(Address(agent=settings.name, asset=asset, partition=day))
            for asset in ("raw_trajectories", "verified_trajectories")
        )
        if raw is not None and verified is not None:
            previews.append(
                preview_day(day=day, raw=raw.folder, verified=verified.folder, proposal=judge, changed=changed)
            )
    if not previews:
        raise StageError(f"{settings.name}: no day was ever verified; run `toolft run {settings.name}` first")
    called = sum((Counter(day.tools) for day in previews), Counter[str]())
    diff = diff_catalogs(old=today, new=proposed)
    same_names = not (diff.added or diff.removed)
    return Forecast(
        diff=diff,
        days=tuple(previews),
        undemonstrated=tuple(name for name in proposed.names if not called[name]),
        assets=tuple(
            _walk(
                stages,
                settings,
                warehouse,
                previews,
                differs=proposed.digest != today.digest,
                same_names=same_names,
            )
        ),
    )


def _walk(
    stages: tuple[Stage, ...],
    settings: AgentSettings,
    warehouse: Warehouse,
    previews: list[DayPreview],
    *,
    differs: bool,
    same_names: bool,
) -> list[Remade]:
    """Every stage in the order of the flow; a version is made again where one that it reads comes out new."""
    by_day = {preview.day: preview for preview in previews}
    new: set[tuple[str, str | None]] = set()
    found = []
    for stage in stages:
        partitions = _partitions(stage, list(by_day))
        remade = [each for each in partitions if _reads_new(stage, settings, each, new) or _is_catalog(stage, differs)]
        same = [each for each in remade if _comes_out_same(stage, settings, each, by_day, new, same_names)]
        new |= {(stage.asset, each) for each in remade if each not in same}
        seconds = 0.0
        for each in remade:
            version = warehouse.current(address_of(stage, settings, each))
            seconds += 0.0 if version is None else _seconds(stage, version, by_day.get(each or ""))
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


def _is_catalog(stage: Stage, differs: bool) -> bool:
    return differs and stage.asset == "tool_catalog"


def _reads_new(stage: Stage, settings: AgentSettings, partition: str | None, new: set[tuple[str, str | None]]) -> bool:
    for asset, span in stage.inputs.items():
        wanted: list[str | None] = [None] if span is Span.WHOLE else [partition]
        if span is Span.WINDOW:
            wanted = [*window(settings, partition or "")]
        if any((asset, each) in new for each in wanted):
            return True
    return False


def _comes_out_same(
    stage: Stage,
    settings: AgentSettings,
    partition: str | None,
    by_day: dict[str, DayPreview],
    new: set[tuple[str, str | None]],
    same_names: bool,
) -> bool:
    """Whether a version that is made again is known to have the content of the one in force."""
    if stage.asset == "verified_trajectories":
        return not by_day[partition or ""].changes
    if stage.asset == "chat_rows" and settings.chat.catalog_mode is CatalogMode.NONE:
        return ("verified_trajectories", partition) not in new
    if stage.asset == "training_set" and same_names:  # of the catalog it reads the names alone
        return not any(preview.changes for preview in by_day.values())
    return False


def _seconds(stage: Stage, version: Version, preview: DayPreview | None) -> float:
    """What the version in force took; verification only for the share of runs that is replayed again."""
    took = version.manifest.duration_s
    if stage.asset != "verified_trajectories" or preview is None:
        return took
    runs = version.manifest.rows["trajectories"]
    return took * preview.replayed / runs if runs else 0.0
