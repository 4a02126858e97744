"""What an asset is, declared once: its inputs, the settings and files that it reads, the function that builds it.

Invariant: a stage's fingerprint is computed from its declaration alone, so a plan can be made before any process
starts, and the plan, the command line and the UI cannot disagree about what is up to date.
"""

from __future__ import annotations

import re
import shutil
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from enum import Enum
from pathlib import Path

from toolft_pipeline.errors import FixableError
from toolft_pipeline.settings import AgentSettings
from toolft_pipeline.warehouse.digest import Json
from toolft_pipeline.warehouse.manifest import ArtifactKey, fingerprint_of
from toolft_pipeline.warehouse.store import BuildOutput, Recipe, Version, Warehouse, damaged_files

Progress = Callable[[str], None]


class StageError(FixableError, RuntimeError):
    """A stage cannot run; one line: what is missing or wrong, and the mend."""


class Span(Enum):
    """Which versions of an input one partition reads."""

    WHOLE = "whole"
    """The only one: the input has no partitions."""
    SAME = "same"
    """The one of the same day."""
    WINDOW = "window"
    """Those of the window of days that ends on this one."""


class Group(Enum):
    """Which job a stage belongs to."""

    SOURCES = "sources"
    DATA = "data"
    MODEL = "model"


Inputs = Mapping[str, Mapping[str, Version]]
"""Versions read, by asset and then by partition ("all" for an asset without partitions)."""


@dataclass(frozen=True, kw_only=True)
class Work:
    """One build of one stage: what it reads, and the empty folder that it writes."""

    settings: AgentSettings
    partition: str | None
    inputs: Inputs
    out: Path
    scratch: Path
    """A folder kept between attempts of one fingerprint (checkpoints), removed after the commit."""
    warehouse: Warehouse
    progress: Progress
    run_id: str | None
    force: bool = False
    """Whether a person asked to make everything again: versions that are nested in this build are not reused either."""
    previous: Version | None = None
    """The version in force before this build, whole and undamaged; None where a build is forced. What a stage takes
    from it must be what it would make itself."""

    def one(self, asset: str) -> Version:
        """The single version of an input that is read whole or on the same day."""
        return next(iter(self.inputs[asset].values()))

    @property
    def day(self) -> str:
        """The partition, for a stage that has partitions."""
        if self.partition is None:
            raise StageError("this stage has no partitions; it was asked for its day")
        return self.partition


@dataclass(frozen=True, kw_only=True)
class Scope:
    """What a stage may look at to name its sources: before any build, so that a plan can be made."""

    settings: AgentSettings
    partition: str | None
    warehouse: Warehouse


@dataclass(frozen=True, kw_only=True)
class CheckOutcome:
    """What a check found; `detail` goes to its metadata, `said` stands beside it as the result's own description."""

    passed: bool
    detail: dict[str, Json]
    said: str | None = None


@dataclass(frozen=True, kw_only=True)
class Check:
    """A promise about a version, evaluated each time the asset is materialized or reused."""

    name: str
    description: str
    blocking: bool
    evaluate: Callable[[Version, AgentSettings], CheckOutcome]
    """Thresholds come from the settings of the run that asks, so that a changed threshold makes no version again."""


@dataclass(frozen=True, kw_only=True)
class Plot:
    """A picture for the UI, and `glance`: what it shows in characters, as Markdown, where a picture hides."""

    png: bytes
    glance: str


@dataclass(frozen=True, kw_only=True)
class Stage:
    """The declaration of one asset."""

    asset: str
    description: str
    group: Group
    kinds: tuple[str, ...]
    code_version: str
    inputs: Mapping[str, Span]
    reads: Callable[[AgentSettings], Json]
    """The settings that the build reads: they enter the fingerprint, all others do not."""
    build: Callable[[Work], BuildOutput]
    sources: Callable[[Scope], dict[str, str]] = lambda _scope: {}
    """Digests of files outside the warehouse that the build reads, by name."""
    keeps: Callable[[Recipe, Version], str | None] = lambda _recipe, _version: None
    """Why the version in force stays though it would be made otherwise now; None where it is made again."""
    alike: frozenset[str] = frozenset()
    """Inputs that all others must have been made from alike: tokens of two base models teach neither."""
    partitioned: bool = True
    accelerator: bool = False
    checks: tuple[Check, ...] = ()
    plots: Callable[[Version, AgentSettings], dict[str, Plot]] = field(default=lambda _version, _settings: {})
    texts: Callable[[Version], dict[str, str]] = lambda _version: {}
    """Markdown for the UI, by name."""
    page: str | None = None
    """The HTML page of a version, for people."""
    figures: Callable[[Version, AgentSettings], dict[str, Json]] = lambda _version, _settings: {}
    """Figures shown beside the headline that also depend on display settings, which enter no fingerprint."""
    unshown: frozenset[str] = frozenset()
    """Figures of the headline that are for checks and plots alone."""


def address_of(stage: Stage, settings: AgentSettings, partition: str | None) -> ArtifactKey:
    """Where a stage's versions lie."""
    return ArtifactKey(agent=settings.name, asset=stage.asset, partition=partition if stage.partitioned else None)


def window(settings: AgentSettings, day: str) -> list[str]:
    """The days of the window that ends on `day`, oldest first, none before the agent's first day."""
    last, first = date.fromisoformat(day), date.fromisoformat(settings.first_day)
    days = [last - timedelta(days=back) for back in reversed(range(settings.window_days))]
    return [each.isoformat() for each in days if each >= first]


def current_inputs(stage: Stage, settings: AgentSettings, partition: str | None, warehouse: Warehouse) -> Inputs:
    """The versions that a build would read now: those in force, but for an input that another input was made from.
    Raises `StageError` where one is missing.
    """
    found: dict[str, dict[str, Version]] = {}
    for asset, span in stage.inputs.items():
        if span is Span.WINDOW:
            wanted: list[str | None] = [*window(settings, partition or "")]
        else:
            wanted = [partition if span is Span.SAME else None]
        versions = {
            each or "all": version
            for each in wanted
            if (version := warehouse.current(ArtifactKey(agent=settings.name, asset=asset, partition=each))) is not None
        }
        if not versions:
            where = f" in the window that ends on {partition}" if span is Span.WINDOW else ""
            raise StageError(f"{settings.name}/{stage.asset}: {asset} has no version{where}; materialize it first")
        found[asset] = versions
    return _of_one_origin(stage, settings, found, warehouse)


def _of_one_origin(stage: Stage, settings: AgentSettings, found: Inputs, warehouse: Warehouse) -> Inputs:
    """An input that other inputs were made from is read as they read it, whatever is in force since: a catalog that
    changes between two stages of a day reaches none of the later ones until the first is made again. Where the other
    inputs (days of a window) disagree, the version in force is read.
    """
    pinned: dict[str, dict[str, Version]] = {asset: dict(versions) for asset, versions in found.items()}
    for asset, versions in found.items():
        others = [version for other, group in found.items() if other != asset for version in group.values()]
        for name, version in versions.items():
            read = {each.manifest.inputs[key] for each in others if (key := f"{asset}/{name}") in each.manifest.inputs}
            if asset in stage.alike and len(read) > 1:
                raise StageError(
                    f"{settings.name}/{stage.asset}: its days were made with {len(read)} versions of {asset}; make the "
                    f"days of the window again (`toolft run {settings.name} --data`, or their backfill in the UI)"
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


def recipe_for(
    stage: Stage, settings: AgentSettings, partition: str | None, inputs: Inputs, warehouse: Warehouse
) -> Recipe:
    """Everything that decides a version's identity."""
    digests = {
        f"{asset}/{name}": version.manifest.content_digest
        for asset, versions in inputs.items()
        for name, version in versions.items()
    }
    scope = Scope(settings=settings, partition=partition, warehouse=warehouse)
    digests |= {f"file:{name}": digest for name, digest in stage.sources(scope).items()}
    read = stage.reads(settings)
    return Recipe(
        address=address_of(stage, settings, partition),
        fingerprint=fingerprint_of(code_version=stage.code_version, settings=read, inputs=digests),
        code_version=stage.code_version,
        settings=read,
        inputs=digests,
    )


def kept_version(
    stage: Stage, recipe: Recipe, warehouse: Warehouse, *, force: bool
) -> tuple[Version, str] | tuple[None, None]:
    """The version in force where it stays whatever the recipe says, and why. Raises `StageError` where it must not."""
    current = warehouse.current(recipe.address)
    why = None if current is None else stage.keeps(recipe, current)
    if current is None or why is None:
        return None, None
    if force:
        raise StageError(f"{recipe.address}: {why}; forced, it would lose them: put the files back, or do not force it")
    if damaged := warehouse.damage(current):
        raise StageError(f"{recipe.address}: {why}, and its file {damaged[0]} is damaged; put the log files back")
    return current, why


def run_stage(
    stage: Stage,
    settings: AgentSettings,
    partition: str | None,
    warehouse: Warehouse,
    *,
    progress: Progress,
    run_id: str | None,
    force: bool = False,
) -> tuple[Version, bool]:
    """Reuse the version with this fingerprint, or build and commit it; says which (True = reused)."""
    started = time.monotonic()
    inputs = current_inputs(stage, settings, partition, warehouse)
    recipe = recipe_for(stage, settings, partition, inputs, warehouse)
    kept, why = kept_version(stage, recipe, warehouse, force=force)
    if kept is not None:
        progress(f"kept version {kept.folder.name}: {why}")
        return kept, True
    found = None if force else warehouse.reuse(recipe.address, recipe.fingerprint)
    if found is not None:
        progress(f"reused version {found.folder.name}: nothing that it reads has changed")
        return found, True
    scratch = recipe.address.folder(warehouse.root) / "scratch" / recipe.fingerprint[:24]
    with warehouse.staging(recipe.address) as staged:
        work = Work(
            settings=settings,
            partition=partition,
            inputs=inputs,
            out=staged,
            scratch=scratch,
            warehouse=warehouse,
            progress=progress,
            run_id=run_id,
            force=force,
            previous=None if force else _undamaged(warehouse.current(recipe.address)),
        )
        version = warehouse.commit(staged, recipe, stage.build(work), run_id=run_id, started=started)
    shutil.rmtree(scratch, ignore_errors=True)
    return version, False


def _undamaged(version: Version | None) -> Version | None:
    return None if version is None or damaged_files(version) else version


DAY_NAME = re.compile(r"\d{4}-\d{2}-\d{2}")
"""How a day is written in a log file's name and in a partition key."""
