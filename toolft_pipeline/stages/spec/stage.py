"""The declaration of an asset: its inputs, the settings and files that it reads, and the function that builds it.

Invariant: a stage's fingerprint is computed from its declaration alone. A plan can therefore be made before any process
starts, and the plan, the command line and the UI cannot disagree about what is up to date.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path

from toolft_pipeline.errors import FixableError
from toolft_pipeline.settings import AgentSettings, Processes
from toolft_pipeline.stages.spec.artifact import Artifact
from toolft_pipeline.stages.spec.proposal import Proposal
from toolft_pipeline.warehouse.digest import Json
from toolft_pipeline.warehouse.manifest import ArtifactKey
from toolft_pipeline.warehouse.store import BuildOutput, Recipe, Version, Warehouse

Progress = Callable[[str], None]


class StageError(FixableError, RuntimeError):
    """A stage cannot run; one line: what is missing or wrong, and the fix."""


class PartitionScope(Enum):
    """Which partitions of an input one partition of a stage reads."""

    WHOLE = "whole"
    """The input has no partitions."""
    SAME = "same"
    """The same day."""
    WINDOW = "window"
    """The days of the window that ends on this day."""


class Freshness(Enum):
    """By when a new version of an asset is due."""

    NIGHTLY = "nightly"
    """Every night: logs that stopped coming show here, where no run fails."""
    WINDOW = "window"
    """Before the window has moved past all days of the last version: a night with little new data makes none."""


class Group(Enum):
    """The job that a stage belongs to."""

    SOURCES = "sources"
    DATA = "data"
    MODEL = "model"


Inputs = Mapping[str, Mapping[str, Version]]
"""The versions that a build reads, by asset and then by partition ("all" for an asset without partitions)."""


@dataclass(frozen=True, kw_only=True)
class BuildContext:
    """What one build of a stage receives: its inputs, its settings, and the empty folder that it writes."""

    settings: AgentSettings
    """Only the settings that the stage declares."""
    partition: str | None
    inputs: Inputs
    out: Path
    scratch: Path
    """A folder for checkpoints: kept between attempts of one fingerprint, removed after the commit."""
    warehouse: Warehouse
    progress: Progress
    run_id: str | None
    force: bool = False
    """Whether a person asked to rebuild everything: versions that are nested in this build are not reused either."""
    previous: Version | None = None
    """The version in force before this build, undamaged; None if the build is forced. A stage may copy from it only
    what it would make itself."""

    def input(self, asset: str) -> Version:
        """The version of an input with scope WHOLE or SAME."""
        return next(iter(self.inputs[asset].values()))

    def optional_input(self, asset: str) -> Version | None:
        """The version of an optional input, or None."""
        return next(iter(self.inputs.get(asset, {}).values()), None)

    @property
    def day(self) -> str:
        """The partition of a partitioned stage."""
        if self.partition is None:
            raise StageError("this stage has no partitions, so its build has no day")
        return self.partition


@dataclass(frozen=True, kw_only=True)
class SourceContext:
    """What a stage receives to name its sources before it is built."""

    settings: AgentSettings
    partition: str | None
    warehouse: Warehouse


@dataclass(frozen=True, kw_only=True)
class CheckOutcome:
    """The result of a check: `detail` becomes its metadata, `description` its description."""

    passed: bool
    detail: dict[str, Json]
    description: str | None = None
    blocks: bool = True
    """Whether a failure of a blocking check stops what is downstream; it does not where there was nothing to check."""


@dataclass(frozen=True, kw_only=True)
class Check:
    """A check of a version, evaluated each time the asset is materialized or reused."""

    name: str
    description: str
    blocking: bool
    evaluate: Callable[[Version, AgentSettings], CheckOutcome]
    """Thresholds come from the settings of the current run: a changed threshold rebuilds nothing."""
    settings: tuple[str, ...] = ()
    """Dotted keys of the settings that `evaluate` reads; it receives no others."""
    earlier_days: bool = False
    """Whether it also reads the asset's current versions of the window's earlier days."""
    reads: str | None = None
    """What else of the warehouse it reads, in words for the UI."""


@dataclass(frozen=True, kw_only=True)
class Plot:
    """A plot for the UI, and the same data as a Markdown text chart (`summary`) for pages that show no images."""

    png: bytes
    summary: str


@dataclass(frozen=True, kw_only=True)
class Stage(Artifact):
    """The declaration of one asset."""

    description: str
    group: Group
    kinds: tuple[str, ...]
    inputs: Mapping[str, PartitionScope]
    build: Callable[[BuildContext], BuildOutput]
    optional: Mapping[str, Callable[[AgentSettings], bool]] = field(default_factory=dict)
    """Inputs that may have no version, each with a function that says whether the settings ask for it. One that is not
    asked for is not read and enters no fingerprint."""
    sources: Callable[[SourceContext], dict[str, str]] = lambda _scope: {}
    """Digests of files outside the warehouse that the build reads, by name."""
    keeps: Callable[[Recipe, Version], str | None] = lambda _recipe, _version: None
    """Returns why the version in force is kept although its fingerprint no longer fits, or None to rebuild it."""
    alike: frozenset[str] = frozenset()
    """Inputs of which all other inputs must have read the same version: tokens of two base models cannot be mixed."""
    partitioned: bool = True
    accelerator: bool = False
    processes: Callable[[AgentSettings], Processes] = lambda _settings: 1
    """How many accelerators it uses, one for each of its processes."""
    hosted: bool = False
    """Whether its work is done by a host over the network: no device is needed, and Dagster retries nothing."""
    checks: tuple[Check, ...] = ()
    plots: Callable[[Version, AgentSettings], dict[str, Plot]] = field(default=lambda _version, _settings: {})
    texts: Callable[[Version], dict[str, str]] = lambda _version: {}
    """Markdown for the UI, by metadata key."""
    page: str | None = None
    """Name of the HTML page in a version, for the UI."""
    figures: Callable[[Version, AgentSettings], dict[str, Json]] = lambda _version, _settings: {}
    """Figures shown beside the headline that depend on display settings, which enter no fingerprint."""
    unshown: frozenset[str] = frozenset()
    """Figures of the headline that only checks and plots use: the UI does not list them."""
    display: tuple[str, ...] = ()
    """Dotted keys of the settings that plots and figures read."""
    observes: tuple[str, ...] = ()
    """Observable sources of this agent that the build reads: edges of Dagster's graph."""
    begins_model: bool = False
    """Whether the retrain policy may skip this stage, and with it all stages downstream."""
    moves_service: bool = False
    """Whether its headline has `moved`: another model is in service now."""
    nightly: bool = False
    """Whether the nightly job makes this source too, so that a change in the agent file reaches the night."""
    freshness: Freshness | None = None
    """By when a new version is due."""
    reclaimable: bool = False
    """Whether retention may delete the content of a version and keep its manifest: its inputs make it again."""
    same_under: Callable[[Proposal, str | None], bool] | None = None
    """Whether a partition that is made again under a proposed catalog is known to keep its content."""
    share_under: Callable[[Proposal, Version], float] = lambda _proposal, _version: 1.0
    """Share of a version's duration that it takes to make it again under a proposed catalog."""


def artifact_key(stage: Stage, settings: AgentSettings, partition: str | None) -> ArtifactKey:
    """The key of a stage's versions."""
    return ArtifactKey(agent=settings.name, asset=stage.asset, partition=partition if stage.partitioned else None)


DAY_NAME = re.compile(r"\d{4}-\d{2}-\d{2}")
"""A day in a log file's name or a partition key."""
