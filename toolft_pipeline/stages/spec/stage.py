"""What an asset is, declared once: its inputs, the settings and files that it reads, the function that builds it.

Invariant: a stage's fingerprint is computed from its declaration alone, so a plan can be made before any process
starts, and the plan, the command line and the UI cannot disagree about what is up to date.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from enum import Enum
from pathlib import Path

from toolft_pipeline.errors import FixableError
from toolft_pipeline.settings import AgentSettings
from toolft_pipeline.stages.spec.artifact import Artifact
from toolft_pipeline.stages.spec.proposal import Proposal
from toolft_pipeline.warehouse.digest import Json
from toolft_pipeline.warehouse.manifest import Address
from toolft_pipeline.warehouse.store import Built, Recipe, Version, Warehouse

Progress = Callable[[str], None]


class StageError(FixableError, RuntimeError):
    """A stage cannot run; one line: what is missing or wrong, and the mend."""


class PartitionScope(Enum):
    """Which versions of an input one partition reads."""

    WHOLE = "whole"
    """The only one: the input has no partitions."""
    SAME = "same"
    """The one of the same day."""
    WINDOW = "window"
    """Those of the window of days that ends on this one."""


class Freshness(Enum):
    """By when a new version of an asset is due."""

    NIGHTLY = "nightly"
    """Every night: logs that stopped coming show here, where no run fails."""
    WINDOW = "window"
    """Before the window has moved past all days of the last version: a night with little new data makes none."""


class Group(Enum):
    """Which job a stage belongs to."""

    SOURCES = "sources"
    DATA = "data"
    MODEL = "model"


Inputs = Mapping[str, Mapping[str, Version]]
"""Versions read, by asset and then by partition ("all" for an asset without partitions)."""


@dataclass(frozen=True, kw_only=True)
class BuildContext:
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

    def optional_input(self, asset: str) -> Version | None:
        """The single version of an optional input; None where there is none."""
        return next(iter(self.inputs.get(asset, {}).values()), None)

    @property
    def day(self) -> str:
        """The partition, for a stage that has partitions."""
        if self.partition is None:
            raise StageError("this stage has no partitions; it was asked for its day")
        return self.partition


@dataclass(frozen=True, kw_only=True)
class SourceContext:
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
    settings: tuple[str, ...] = ()
    """Dotted keys of the settings that it reads; it sees no others."""
    earlier_days: bool = False
    """Whether it compares with the asset's versions of the window's earlier days, as they are when it runs."""


@dataclass(frozen=True, kw_only=True)
class Plot:
    """A picture for the UI, and `summary`: what it shows in characters, as Markdown, where a picture hides."""

    png: bytes
    summary: str


@dataclass(frozen=True, kw_only=True)
class Stage(Artifact):
    """The declaration of one asset."""

    description: str
    group: Group
    kinds: tuple[str, ...]
    inputs: Mapping[str, PartitionScope]
    build: Callable[[BuildContext], Built]
    optional: Mapping[str, Callable[[AgentSettings], bool]] = field(default_factory=dict)
    """Inputs that may have no version, and whether the settings ask for them: without, they enter no fingerprint."""
    sources: Callable[[SourceContext], dict[str, str]] = lambda _scope: {}
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
    display: tuple[str, ...] = ()
    """Dotted keys of the settings that plots and figures read."""
    observes: tuple[str, ...] = ()
    """Observable sources (of this agent) whose state the build reads: an edge of Dagster's graph."""
    begins_model: bool = False
    """Whether a night that is worth no model leaves this stage out, and with it all that follow."""
    moves_service: bool = False
    """Whether its figure `moved` says that another model is in service."""
    nightly: bool = False
    """Whether the nightly job makes this source too, so that a change in the agent file reaches the night."""
    freshness: Freshness | None = None
    """By when a new version is due; None where none is."""
    reclaimable: bool = False
    """Whether retention may delete the content of a version and keep its manifest: its inputs make it again."""
    same_under: Callable[[Proposal, str | None], bool] | None = None
    """Whether a partition made again under a proposed catalog is known to keep its content; None: never known."""
    share_under: Callable[[Proposal, Version], float] = lambda _proposal, _version: 1.0
    """Share of a version's duration that making it again under a proposed catalog takes."""


def artifact_key(stage: Stage, settings: AgentSettings, partition: str | None) -> Address:
    """Where a stage's versions lie."""
    return Address(agent=settings.name, asset=stage.asset, partition=partition if stage.partitioned else None)


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


DAY_NAME = re.compile(r"\d{4}-\d{2}-\d{2}")
"""How a day is written in a log file's name and in a partition key."""
