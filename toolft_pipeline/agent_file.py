"""Agent files on disk: where they lie, how one is read, and where what is made of them goes.

Invariant: an unknown key, a wrong type or an impossible value is one error naming file, key and mend; nothing is
guessed and nothing is ignored.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from toolft_pipeline.project import in_project
from toolft_pipeline.settings import AgentSettings

AGENT_FILE = "agent.yaml"


class SettingsError(ValueError):
    """The agent file cannot be used; the message is one line: file, key, what is wanted, how to mend."""


def agents_root() -> Path:
    """Folder of the agents: TOOLFT_AGENTS, or data/ in the project folder. Raises `ProjectError`."""
    return in_project(os.environ.get("TOOLFT_AGENTS") or "data")


def warehouse_root() -> Path:
    """Folder of what the pipeline makes: TOOLFT_WAREHOUSE, or data/.warehouse in the project. Raises `ProjectError`."""
    return in_project(os.environ.get("TOOLFT_WAREHOUSE") or "data/.warehouse")


def agent_files(root: Path) -> list[Path]:
    """The agent files below a root, one folder an agent, sorted by agent name."""
    return sorted(root.glob(f"[!.]*/{AGENT_FILE}"))


def load_agent(path: Path, *, overrides: dict[str, str] | None = None) -> AgentSettings:
    """Read one agent file, with dotted overrides (`training.epochs` -> `"2"`, values parsed as YAML).

    Raises `SettingsError`, one line, for a file that is missing, is not YAML, or says something impossible.
    """
    try:
        document = yaml.safe_load(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise SettingsError(f"{path}: no such file; an agent is a folder with an {AGENT_FILE}") from error
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise SettingsError(f"{path}: cannot be read as YAML ({_one_line(error)}); mend the file") from error
    if not isinstance(document, dict):
        raise SettingsError(f"{path}: a mapping of keys is wanted, found {type(document).__name__}")
    for key, value in (overrides or {}).items():
        set_override(document, key, value, path)
    try:
        return AgentSettings.model_validate({"name": path.parent.name, **document, "folder": path.parent.resolve()})
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(part) for part in first["loc"]) or "(top level)"
        raise SettingsError(f"{path}: {key}: {_mend(first['type'], first['msg'])}") from error


def set_override(document: dict[str, Any], key: str, value: str, path: Path) -> None:
    """Put a value, written as YAML, at a dotted key. Raises `SettingsError` where there is no place for it."""
    *sections, last = key.split(".")
    place = document
    for section in sections:
        inner = place.setdefault(section, {})
        if not isinstance(inner, dict):
            raise SettingsError(f"{path}: override {key}: {section} is not a section; name a key below a section")
        place = inner
    try:
        place[last] = yaml.safe_load(value)
    except yaml.YAMLError as error:
        raise SettingsError(f"{path}: override {key}: {value!r} is no YAML ({_one_line(error)})") from error


def _mend(kind: str, message: str) -> str:
    if kind == "extra_forbidden":
        return "unknown key; remove it or mend its spelling"
    if kind == "missing":
        return "is missing; add it"
    return message.removeprefix("Value error, ")


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())
