"""The project folder, with dagster.yaml, the agents and the warehouse.

Invariant: every process finds the same folder, wherever it was started (a shell, cron, `dagster dev`, the daemon):
DAGSTER_HOME or, if that is not set, the nearest folder with a dagster.yaml at or above the working directory. A
relative path in dagster.yaml or in a TOOLFT_ variable is relative to it, never to the working directory.
"""

from __future__ import annotations

import os
from pathlib import Path

from toolft_pipeline.errors import FixableError

INSTANCE_FILE = "dagster.yaml"


class ProjectError(FixableError, RuntimeError):
    """The project folder is missing or not writable; the message is one line with the fix."""


def project_root() -> Path:
    """The project folder. Raises `ProjectError` if neither DAGSTER_HOME nor the working directory gives one."""
    home = os.environ.get("DAGSTER_HOME")
    if home:
        return Path(home).expanduser().resolve()
    here = Path.cwd()
    for folder in (here, *here.parents):
        if (folder / INSTANCE_FILE).is_file():
            return folder
    raise ProjectError(
        f"{here}: no {INSTANCE_FILE} in this folder or above it; change to the project's "
        "folder, or set DAGSTER_HOME to it (`toolft init DIR` makes a new project)"
    )


def missing_instance_file() -> str | None:
    """A warning if the project folder has no dagster.yaml, where Dagster's defaults apply; else None."""
    try:
        root = project_root()
    except ProjectError:
        return None
    if (root / INSTANCE_FILE).is_file():
        return None
    return (
        f"{root} has no {INSTANCE_FILE}: Dagster's telemetry is on and its runs are not those of `toolft`; "
        "any `toolft run` writes one, so does `toolft init`"
    )


def in_project(path: str | Path) -> Path:
    """Resolve a path, relative to the project folder if it is relative. Raises `ProjectError`."""
    expanded = Path(path).expanduser()
    return (expanded if expanded.is_absolute() else project_root() / expanded).resolve()


def state_folder() -> Path:
    """Folder of Dagster's storage and the device leases. Raises `ProjectError`."""
    return project_root() / "data" / ".dagster"
