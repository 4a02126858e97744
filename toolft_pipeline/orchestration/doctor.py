"""Diagnose an installation: packages, accelerator, disk, permissions, agent files, backends.

Invariant: nothing is changed, and no network is used; each problem comes with its fix. Of an agent with a sandbox its
backend is started, and the calls of a few evaluation tasks are made on it.
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
from toolft_pipeline.errors import FixableError
from toolft_pipeline.evaluation.promotion.model_registry import in_service
from toolft_pipeline.ingest.parsing.log_lines import LOG_ENDINGS
from toolft_pipeline.orchestration.runs.gpu_lease import devices
from toolft_pipeline.orchestration.sandbox_diagnosis import time_sandbox
from toolft_pipeline.project import INSTANCE_FILE
from toolft_pipeline.settings import AgentSettings
from toolft_pipeline.settings_checks.external_resources import missing_resources
from toolft_pipeline.warehouse.store import Warehouse

DISTRIBUTION = "toolft_pipeline"

FREE_BYTES = 10 << 30
"""Free space that a nightly run needs: a base model of 4B parameters in bf16 and its merged copy have 8 GB each."""


class Health(StrEnum):
    """The result of one diagnosis."""

    FINE = "ok"
    LOOK = "look"
    BROKEN = "broken"


@dataclass(frozen=True, kw_only=True)
class Diagnosis:
    """The state of one part of the installation; `fix` is what to do, empty if nothing."""

    subject: str
    state: Health
    message: str
    fix: str = ""


def diagnose(*, agents: Path, warehouse: Path, home: Path) -> Iterator[Diagnosis]:
    """Check everything that a nightly run needs. `home` is DAGSTER_HOME, the folder of dagster.yaml."""
    yield from _packages()
    yield _accelerator()
    yield from _disk(warehouse)
    yield _dagster_home(home)
    yield from _raw_zone(warehouse)
    files = agent_files(agents)
    if not files:
        fix = "put an agent's folder with agent.yaml there, or set TOOLFT_AGENTS"
        yield Diagnosis(subject="agents", state=Health.BROKEN, message=f"no agent below {agents}", fix=fix)
    for path in files:
        yield from _agent(path, Warehouse(warehouse))


def _packages() -> Iterator[Diagnosis]:
    try:
        wanted = [Requirement(line) for line in requires(DISTRIBUTION) or ()]
    except PackageNotFoundError:
        fix = "install it: pip install --constraint constraints.txt --editable ."
        yield Diagnosis(subject="packages", state=Health.BROKEN, message=f"{DISTRIBUTION} is not installed", fix=fix)
        return
    problems = []
    needed = [each for each in wanted if each.marker is None or each.marker.evaluate({"extra": ""})]
    for requirement in needed:
        try:
            installed = version(requirement.name)
        except PackageNotFoundError:
            problems.append(f"{requirement.name} is missing")
            continue
        if not requirement.specifier.contains(installed, prereleases=True):
            problems.append(f"{requirement.name} {installed} is installed, {requirement.specifier} is required")
    if problems:
        fix = "run pip install --constraint constraints.txt --editable . again"
        yield Diagnosis(subject="packages", state=Health.BROKEN, message="; ".join(problems), fix=fix)
    else:
        message = f"{len(needed)} packages as required by {DISTRIBUTION} {metadata(DISTRIBUTION)['Version']}"
        yield Diagnosis(subject="packages", state=Health.FINE, message=message)


def _accelerator() -> Diagnosis:
    ids = devices()
    if ids != ["cpu"]:
        return Diagnosis(subject="accelerator", state=Health.FINE, message=", ".join(f"GPU {device}" for device in ids))
    fix = "for a model of 4B parameters use a machine with a GPU; TOOLFT_DEVICES names devices that nvidia-smi hides"
    return Diagnosis(
        subject="accelerator",
        state=Health.LOOK,
        message="no GPU: training runs on the CPU, about 100 tokens/s for 270M parameters on 2 cores",
        fix=fix,
    )


def _disk(warehouse: Path) -> Iterator[Diagnosis]:
    folder = next(path for path in (warehouse, *warehouse.parents) if path.exists())
    if not os.access(folder, os.W_OK | os.X_OK):
        fix = "give this user write permission, or set TOOLFT_WAREHOUSE"
        yield Diagnosis(subject="warehouse", state=Health.BROKEN, message=f"{folder} is not writable", fix=fix)
        return
    free = shutil.disk_usage(folder).free
    message = f"{warehouse}, {free / 2**30:.0f} GB free"
    if free < FREE_BYTES:
        fix = f"free disk space: a nightly run with a 4B model needs about {FREE_BYTES >> 30} GB"
        yield Diagnosis(subject="warehouse", state=Health.LOOK, message=message, fix=fix)
    else:
        yield Diagnosis(subject="warehouse", state=Health.FINE, message=message)


def _dagster_home(home: Path) -> Diagnosis:
    file = home / INSTANCE_FILE
    if file.is_file():
        if _follows_the_working_directory(file):
            message = f"{file}: storage follows the working directory: a cron job's runs do not show in the UI"
            fix = "copy the sections storage, local_artifact_storage and compute_logs from a new `toolft init` project"
            return Diagnosis(subject="dagster", state=Health.LOOK, message=message, fix=fix)
        return Diagnosis(subject="dagster", state=Health.FINE, message=f"instance of {home}")
    fix = (
        "change to the project's folder, or set DAGSTER_HOME to it (`toolft init` creates one): without dagster.yaml "
        "there are no pool limits and no retention, and Dagster sends telemetry"
    )
    return Diagnosis(subject="dagster", state=Health.BROKEN, message=f"{home} has no dagster.yaml", fix=fix)


def _follows_the_working_directory(file: Path) -> bool:
    """Whether a dagster.yaml has a relative folder for Dagster's own SQLite storage."""
    try:
        storage = yaml.safe_load(file.read_text(encoding="utf-8"))["storage"]
        base_dir = storage["sqlite"]["base_dir"]
    except (OSError, ValueError, yaml.YAMLError, KeyError, TypeError):
        return False
    return isinstance(base_dir, str) and not Path(base_dir).is_absolute()


def _raw_zone(warehouse: Path) -> Iterator[Diagnosis]:
    """Check that unredacted logs can be read by their owner alone."""
    files = list(warehouse.glob("*/raw_trajectories/*/versions/*/*.parquet"))
    readable = [path for path in files if stat.S_IMODE(path.stat().st_mode) & 0o077]
    if readable:
        fix = f"chmod 600 {readable[0]}" + (f", and {len(readable) - 1} more" if len(readable) > 1 else "")
        yield Diagnosis(
            subject="raw zone",
            state=Health.BROKEN,
            message=f"{len(readable)} files are readable by other users",
            fix=fix,
        )
    elif files:
        yield Diagnosis(
            subject="raw zone", state=Health.FINE, message=f"{len(files)} files, readable by their owner alone"
        )


def _agent(path: Path, warehouse: Warehouse) -> Iterator[Diagnosis]:
    subject = f"agent {path.parent.name}"
    try:
        settings = load_agent(path)
    except SettingsError as error:
        message = "; ".join(error.lines)
        yield Diagnosis(
            subject=subject,
            state=Health.BROKEN,
            message=message,
            fix="fix the agent file; other agents are not affected",
        )
        return
    problems = list(_problems(settings))
    for message, fix in problems:
        yield Diagnosis(subject=subject, state=Health.BROKEN, message=message, fix=fix)
    if problems:
        return
    serves = in_service(warehouse, settings.name)
    days = len(_logs(settings))
    message = f"{days} log files, {'no model yet' if serves is None else f'the model of {serves.day} in service'}"
    if days:
        yield Diagnosis(subject=subject, state=Health.FINE, message=message)
    else:
        fix = f"put files named YYYY-MM-DD.jsonl into {settings.path(settings.logs.folder)}"
        yield Diagnosis(subject=subject, state=Health.LOOK, message=message, fix=fix)
    yield from _sandbox(settings, warehouse)


def _sandbox(settings: AgentSettings, warehouse: Warehouse) -> Iterator[Diagnosis]:
    if settings.sandbox is None:
        return
    subject = f"sandbox {settings.name}"
    try:
        message, fix = time_sandbox(settings, settings.sandbox, warehouse)
    except FixableError as error:
        yield Diagnosis(subject=subject, state=Health.BROKEN, message=str(error), fix="fix what the message names")
        return
    yield Diagnosis(subject=subject, state=Health.LOOK if fix else Health.FINE, message=message, fix=fix)


def _problems(settings: AgentSettings) -> Iterator[tuple[str, str]]:
    """What the agent file names and this machine does not have, each with the fix."""
    for missing in missing_resources(settings, for_model=True):
        yield missing.message, f"fix {missing.key} in the agent file, or create what it names"


def _logs(settings: AgentSettings) -> list[Path]:
    return [path for path in settings.path(settings.logs.folder).iterdir() if path.name.endswith(LOG_ENDINGS)]
