"""An installation looked over: packages, accelerator, disk, permissions, agent files.

Invariant: nothing is started, changed or asked of a network; a finding that needs a person says what to do.
"""

from __future__ import annotations

import os
import shutil
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from importlib.metadata import PackageNotFoundError, metadata, requires, version
from pathlib import Path

import yaml
from packaging.requirements import Requirement

from toolft_pipeline.agent_file import SettingsError, agent_files, load_agent
from toolft_pipeline.evaluation.promotion.model_registry import in_service
from toolft_pipeline.ingest.parsing.log_lines import LOG_ENDINGS
from toolft_pipeline.orchestration.runs.gpu_lease import devices
from toolft_pipeline.project import INSTANCE_FILE
from toolft_pipeline.settings import AgentSettings
from toolft_pipeline.settings_checks.named_things import missing_things
from toolft_pipeline.warehouse.store import Warehouse

DISTRIBUTION = "toolft_pipeline"

FREE_BYTES = 10 << 30
"""Below this a night may not end: a base model of 4B parameters in bf16 and its merged copy are 8 GB each."""


class State(StrEnum):
    """How a finding stands."""

    FINE = "ok"
    LOOK = "look"
    BROKEN = "broken"


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One thing that was looked at; `mend` is what to do, empty where all is well."""

    subject: str
    state: State
    said: str
    mend: str = ""


def diagnose(*, agents: Path, warehouse: Path, home: Path) -> Iterator[Finding]:
    """Look at everything that a night needs. `home` is Dagster's (the folder of dagster.yaml)."""
    yield from _packages()
    yield _accelerator()
    yield from _disk(warehouse)
    yield _dagster_home(home)
    yield from _raw_zone(warehouse)
    files = agent_files(agents)
    if not files:
        mend = "put an agent's folder with agent.yaml there, or set TOOLFT_AGENTS"
        yield Finding(subject="agents", state=State.BROKEN, said=f"none below {agents}", mend=mend)
    for path in files:
        yield from _agent(path, Warehouse(warehouse))


def _packages() -> Iterator[Finding]:
    try:
        wanted = [Requirement(line) for line in requires(DISTRIBUTION) or ()]
    except PackageNotFoundError:
        mend = "install it: pip install --constraint constraints.txt --editable ."
        yield Finding(subject="packages", state=State.BROKEN, said=f"{DISTRIBUTION} is not installed", mend=mend)
        return
    unfit = []
    needed = [each for each in wanted if each.marker is None or each.marker.evaluate({"extra": ""})]
    for requirement in needed:
        try:
            found = version(requirement.name)
        except PackageNotFoundError:
            unfit.append(f"{requirement.name} is missing")
            continue
        if not requirement.specifier.contains(found, prereleases=True):
            unfit.append(f"{requirement.name} {found}, wanted {requirement.specifier}")
    if unfit:
        mend = "run pip install --constraint constraints.txt --editable . once more"
        yield Finding(subject="packages", state=State.BROKEN, said="; ".join(unfit), mend=mend)
    else:
        said = f"{len(needed)} as {DISTRIBUTION} {metadata(DISTRIBUTION)['Version']} wants them"
        yield Finding(subject="packages", state=State.FINE, said=said)


def _accelerator() -> Finding:
    found = devices()
    if found != ["cpu"]:
        return Finding(subject="accelerator", state=State.FINE, said=", ".join(f"GPU {device}" for device in found))
    mend = "for a model of 4B parameters use a machine with a GPU; TOOLFT_DEVICES names devices that nvidia-smi hides"
    return Finding(
        subject="accelerator",
        state=State.LOOK,
        said="none: training runs on the CPU, about 100 tokens/s for 270M parameters on 2 cores",
        mend=mend,
    )


def _disk(warehouse: Path) -> Iterator[Finding]:
    place = next(path for path in (warehouse, *warehouse.parents) if path.exists())
    if not os.access(place, os.W_OK | os.X_OK):
        mend = "give this user the right to write there, or set TOOLFT_WAREHOUSE"
        yield Finding(subject="warehouse", state=State.BROKEN, said=f"{place} cannot be written to", mend=mend)
        return
    free = shutil.disk_usage(place).free
    said = f"{warehouse}, {free / 2**30:.0f} GB free"
    if free < FREE_BYTES:
        mend = f"free space: a night of a 4B model wants about {FREE_BYTES >> 30} GB"
        yield Finding(subject="warehouse", state=State.LOOK, said=said, mend=mend)
    else:
        yield Finding(subject="warehouse", state=State.FINE, said=said)


def _dagster_home(home: Path) -> Finding:
    file = home / INSTANCE_FILE
    if file.is_file():
        if _follows_the_working_directory(file):
            said = f"{file}: storage follows the working directory: a cron job's runs do not show in the UI"
            mend = "take the sections storage, local_artifact_storage and compute_logs of a new `toolft init` project"
            return Finding(subject="dagster", state=State.LOOK, said=said, mend=mend)
        return Finding(subject="dagster", state=State.FINE, said=f"instance of {home}")
    mend = (
        "start at the project's folder, or set DAGSTER_HOME to it (`toolft init` makes one): without it pools and "
        "retention do not hold, and Dagster sends telemetry"
    )
    return Finding(subject="dagster", state=State.BROKEN, said=f"{home} has no dagster.yaml", mend=mend)


def _follows_the_working_directory(file: Path) -> bool:
    """Whether a dagster.yaml gives Dagster's own SQLite storage a relative folder."""
    try:
        storage = yaml.safe_load(file.read_text(encoding="utf-8"))["storage"]
        base_dir = storage["sqlite"]["base_dir"]
    except (OSError, ValueError, yaml.YAMLError, KeyError, TypeError):
        return False
    return isinstance(base_dir, str) and not Path(base_dir).is_absolute()


def _raw_zone(warehouse: Path) -> Iterator[Finding]:
    """What users wrote, unredacted, is for its owner alone."""
    files = list(warehouse.glob("*/raw_trajectories/*/versions/*/*.parquet"))
    open_ = [path for path in files if stat.S_IMODE(path.stat().st_mode) & 0o077]
    if open_:
        mend = f"chmod 600 {open_[0]}" + (f", and {len(open_) - 1} more beside it" if len(open_) > 1 else "")
        yield Finding(
            subject="raw zone", state=State.BROKEN, said=f"{len(open_)} files can be read by others", mend=mend
        )
    elif files:
        yield Finding(subject="raw zone", state=State.FINE, said=f"{len(files)} files, readable by their owner alone")


def _agent(path: Path, warehouse: Warehouse) -> Iterator[Finding]:
    subject = f"agent {path.parent.name}"
    try:
        settings = load_agent(path)
    except SettingsError as error:
        said = "; ".join(error.lines)
        yield Finding(subject=subject, state=State.BROKEN, said=said, mend="mend the agent file; other agents run on")
        return
    faults = list(_faults(settings))
    for said, mend in faults:
        yield Finding(subject=subject, state=State.BROKEN, said=said, mend=mend)
    if faults:
        return
    serves = in_service(warehouse, settings.name)
    days = len(_logs(settings))
    said = f"{days} log files, {'no model yet' if serves is None else f'the model of {serves.day} in service'}"
    if days:
        yield Finding(subject=subject, state=State.FINE, said=said)
    else:
        mend = f"put files named YYYY-MM-DD.jsonl into {settings.path(settings.logs.folder)}"
        yield Finding(subject=subject, state=State.LOOK, said=said, mend=mend)


def _faults(settings: AgentSettings) -> Iterator[tuple[str, str]]:
    """What the agent file names and this machine does not have, each with the mend."""
    for missing in missing_things(settings, for_model=True):
        yield missing.message, f"mend {missing.key} in the agent file, or put there what it names"


def _logs(settings: AgentSettings) -> list[Path]:
    return [path for path in settings.path(settings.logs.folder).iterdir() if path.name.endswith(LOG_ENDINGS)]
