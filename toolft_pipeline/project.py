"""The project folder: where dagster.yaml, the agents and everything that the pipeline makes lie.

Invariant: every process finds the same folder, wherever it was started (a shell, cron, `dagster dev`, the daemon): it
is DAGSTER_HOME, or, where that is not set, the nearest folder with a dagster.yaml at or above the working directory.
A relative path in dagster.yaml or in a TOOLFT_ variable is relative to it, never to the working directory.
"""

from __future__ import annotations

import os
from pathlib import Path

from toolft_pipeline.errors import FixableError

INSTANCE_FILE = "dagster.yaml"


class ProjectError(FixableError, RuntimeError):
    """No project folder; the message is one line with what to do."""


def project_root() -> Path:
    """The project folder. Raises `ProjectError` where neither DAGSTER_HOME nor the working directory names one."""
    home = os.environ.get("DAGSTER_HOME")
    if home:
        return Path(home).expanduser().resolve()
    here = Path.cwd()
    for folder in (here, *here.parents):
        if (folder / INSTANCE_FILE).is_file():
            return folder
    raise ProjectError(
        f"{here}: no project here: neither this folder nor one above it has a {INSTANCE_FILE}; go to the project's "
        "folder, or set DAGSTER_HOME to it (`toolft init DIR` makes a new project)"
    )


def missing_instance_file() -> str | None:
    """What to say of a project folder without a dagster.yaml: Dagster's own defaults hold there."""
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
    """An absolute path; a relative one is taken as relative to the project folder. Raises `ProjectError`."""
    given = Path(path).expanduser()
    return (given if given.is_absolute() else project_root() / given).resolve()


def state_folder() -> Path:
    """Where runs, their logs and the leases of devices are kept. Raises `ProjectError`."""
    return project_root() / "data" / ".dagster"
