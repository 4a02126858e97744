"""The Dagster instance of the project, for commands that run or report something.

Invariant: the command line and the UI use one instance, that of the project folder, whatever the working directory is.
It is opened under a lock, so that two first commands do not create its tables at the same time, and never with
Dagster's defaults, which send telemetry and have no limits.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING

from toolft_pipeline.cli.runs.terminal import say
from toolft_pipeline.project import INSTANCE_FILE, ProjectError, project_root, state_folder
from toolft_pipeline.warehouse.lock import locked

if TYPE_CHECKING:
    import dagster as dg

TEMPLATE = "project_template"
"""Folder of the package with the files of a new project."""


@contextmanager
def open_instance() -> Iterator[dg.DagsterInstance]:
    """Open the project's instance; creates it and its dagster.yaml if missing. Raises `ProjectError`."""
    import dagster as dg

    home = project_root()
    os.environ["DAGSTER_HOME"] = str(home)
    try:
        with locked(state_folder() / "opening"):
            _configure(home)
            instance = dg.DagsterInstance.get()
    except OSError as error:
        raise ProjectError(
            f"{home}: not writable ({error.strerror}); change its permissions, or set DAGSTER_HOME"
        ) from error
    with instance:
        yield instance


def _configure(home: Path) -> None:
    """Write dagster.yaml if it is missing; an instance of Dagster's defaults keeps its storage."""
    file = home / INSTANCE_FILE
    if file.is_file():
        return
    if (home / "history").is_dir():
        os.environ.setdefault("DAGSTER_DISABLE_TELEMETRY", "1")
        say(f"{home} has no {INSTANCE_FILE}: there are no pool limits and no retention; `toolft init` writes one")
        return
    staged = state_folder() / INSTANCE_FILE
    staged.write_text(files("toolft_pipeline").joinpath(TEMPLATE, INSTANCE_FILE).read_text())
    staged.replace(file)
    say(f"wrote {file}: SQLite below {state_folder()}, one accelerator step at a time, no telemetry")
