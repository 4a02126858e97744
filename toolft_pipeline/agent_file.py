"""Find and load agent files.

Invariant: all errors of a file are reported at once, one line each, with file, key and the fix; nothing is guessed and
nothing is ignored. An error in an override names the override, not the file.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from toolft_pipeline.agent_yaml import AgentYamlError, parse_yaml
from toolft_pipeline.errors import FixableError
from toolft_pipeline.project import in_project
from toolft_pipeline.settings import AgentSettings
from toolft_pipeline.settings_checks.checks import settings_problems
from toolft_pipeline.settings_checks.problem import Problem
from toolft_pipeline.settings_checks.readable_part import readable_part
from toolft_pipeline.settings_checks.schema import schema_problems

AGENT_FILE = "agent.yaml"

COMMAND_LINE = "--set {key}={value}"
RUN_CONFIG = "override {key}: {value} (of the run's config)"
"""How an error message names an override, by its origin."""


class SettingsError(FixableError, ValueError):
    """The agent file or an override is invalid: `lines` has one line for each problem."""

    def __init__(self, *lines: str) -> None:
        super().__init__("\n".join(lines))
        self.lines = lines


class MissingError(SettingsError):
    """The file is valid, but something that it names is missing on this machine."""


def agents_root() -> Path:
    """Folder of the agents: TOOLFT_AGENTS, or data/ in the project folder. Raises `ProjectError`."""
    return in_project(os.environ.get("TOOLFT_AGENTS") or "data")


def warehouse_root() -> Path:
    """Folder of all versions: TOOLFT_WAREHOUSE, or data/.warehouse in the project. Raises `ProjectError`."""
    return in_project(os.environ.get("TOOLFT_WAREHOUSE") or "data/.warehouse")


def agent_files(root: Path) -> list[Path]:
    """The agent files below a root, one per folder, sorted by name; unreadable folders are included."""
    if not root.is_dir():
        return []
    folders = sorted(each for each in root.iterdir() if each.is_dir() and not each.name.startswith("."))
    return [folder / AGENT_FILE for folder in folders if _has_agent_file(folder)]


def _has_agent_file(folder: Path) -> bool:
    try:
        return any(entry.name == AGENT_FILE for entry in os.scandir(folder))
    except OSError:
        return True  # an unreadable folder may hold one: loading it reports what is wrong


def load_agent(
    path: Path, *, overrides: Mapping[str, str] | None = None, overrides_named: str = COMMAND_LINE
) -> AgentSettings:
    """Read one agent file, with dotted overrides (`training.epochs` -> `"2"`, values parsed as YAML).

    Raises `SettingsError` for a file that is missing, is not YAML, or has invalid values.
    """
    document, overrides = _document(path), overrides or {}
    for key, value in overrides.items():
        set_override(document, key, value, where=overrides_named.format(key=key, value=value))
    of_the_place = {"name": path.parent.name, "folder": path.parent.resolve()}
    problems = [
        Problem(key=key, message=f"unknown key; the location of the file decides the agent's {key}; remove the key")
        for key, value in of_the_place.items()
        if document.get(key, value) != value
    ]
    document |= of_the_place
    lines = partial(problem_lines, path=path, overrides=overrides, overrides_named=overrides_named)
    try:
        settings, left_out = AgentSettings.model_validate(document), frozenset[str]()
    except ValidationError as error:
        problems += schema_problems(error)
        readable, left_out = readable_part(document, error)
        if readable is None:
            raise SettingsError(*lines(problems)) from error
        settings = readable
    problems += [each for each in settings_problems(settings) if not _concerns(each, left_out)]
    if problems:
        raise SettingsError(*lines(problems))
    return settings


def _document(path: Path) -> dict[str, Any]:
    try:
        document = parse_yaml(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise SettingsError(f"{path}: no such file; an agent is a folder with an {AGENT_FILE}") from error
    except (OSError, UnicodeDecodeError, AgentYamlError) as error:
        raise SettingsError(f"{path}: cannot be read as YAML ({' '.join(str(error).split())}); fix the file") from error
    if not isinstance(document, dict):
        what = "an empty file" if document is None else type(document).__name__
        raise SettingsError(f"{path}: expected a mapping of keys, found {what}")
    return document


def set_override(document: dict[str, Any], key: str, value: str, *, where: str) -> None:
    """Set a dotted key to a value written as YAML. Raises `SettingsError` if the key cannot exist."""
    *sections, last = key.split(".")
    place = document
    for section in sections:
        if place.get(section) is None:
            place[section] = {}
        place = place[section]
        if not isinstance(place, dict):
            raise SettingsError(f"{where}: {section} is not a section; name a key below a section")
    try:
        place[last] = parse_yaml(value)
    except AgentYamlError as error:
        raise SettingsError(f"{where}: {value!r} is not valid YAML ({error})") from error


def _concerns(problem: Problem, keys: frozenset[str]) -> bool:
    return any(_overlap(mentioned, key) for key in keys for mentioned in (problem.key, *problem.also))


def _overlap(one: str, other: str) -> bool:
    """Whether two dotted keys are equal or one contains the other."""
    return f"{one}.".startswith(f"{other}.") or f"{other}.".startswith(f"{one}.")


def problem_lines(
    problems: Iterable[Problem], *, path: Path, overrides: Mapping[str, str], overrides_named: str = COMMAND_LINE
) -> Iterator[str]:
    """One line for each problem: the override or the file, the key, and the message."""
    for problem in problems:
        mentioned = (problem.key, *problem.also)
        about = (key for key in overrides if any(_overlap(each, key) for each in mentioned))
        named = next((overrides_named.format(key=key, value=overrides[key]) for key in about), path)
        yield f"{named}: {problem.key}: {problem.message}"
