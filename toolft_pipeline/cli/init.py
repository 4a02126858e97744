"""`toolft init`: create a project folder, ready to run, with an agent to copy.

Invariant: the folder is created completely or not at all, and no existing file is changed.
"""

from __future__ import annotations

import shutil
import tempfile
from importlib.resources import as_file, files
from pathlib import Path

from toolft_pipeline.cli.runs.instance import TEMPLATE
from toolft_pipeline.cli.runs.terminal import say
from toolft_pipeline.errors import FixableError

_RENAMED = {"gitignore": ".gitignore"}
"""Files whose names package data cannot have."""


class InitError(FixableError, ValueError):
    """The project cannot be created; the message is one line with the fix."""


def make_project(folder: Path) -> int:
    """Create the project and print the next commands. Raises `InitError`."""
    folder = folder.expanduser().absolute()
    if folder.is_symlink() or (folder.exists() and not folder.is_dir()):
        raise InitError(f"{folder}: not a folder; name one that does not exist yet or is empty")
    try:
        if folder.is_dir() and any(folder.iterdir()):
            raise InitError(f"{folder}: the folder is not empty; name one that does not exist yet or is empty")
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder.parent, prefix=f".{folder.name}-") as place:
            staged = Path(place) / folder.name
            _write(staged)
            staged.rename(folder)
    except OSError as error:
        raise InitError(
            f"{folder}: not writable ({error.strerror}); nothing was created; choose another folder"
        ) from error
    say(
        f"wrote {folder}: dagster.yaml (no telemetry), workspace.yaml, and data/assistant, an agent to copy",
        f"next: cd {folder}, export DAGSTER_HOME=$PWD, then toolft doctor and toolft run assistant --data",
    )
    return 0


def _write(folder: Path) -> None:
    with as_file(files("toolft_pipeline").joinpath(TEMPLATE)) as template:
        shutil.copytree(template, folder, ignore=shutil.ignore_patterns("__pycache__", ".*"))
    for name, real in _RENAMED.items():
        (folder / name).rename(folder / real)
