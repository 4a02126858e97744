"""Find all agents below a folder: those that can be loaded, and those that cannot, with the errors.

Invariant: an agent that cannot be loaded does not affect the others, whatever is wrong with its file.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from toolft_pipeline.agent_file import SettingsError, agent_files, load_agent
from toolft_pipeline.settings import AgentSettings


@dataclass(frozen=True, kw_only=True)
class BrokenAgent:
    """An agent that cannot be loaded: its folder's name, its file, and one line per error."""

    name: str
    path: Path
    lines: tuple[str, ...]


def find_agents(root: Path) -> tuple[list[AgentSettings], list[BrokenAgent]]:
    """Load the agents; returns those that can be loaded and those that cannot, each sorted by name."""
    loaded, broken = [], []
    for path in agent_files(root):
        agent = read_agent(path)
        if isinstance(agent, BrokenAgent):
            broken.append(agent)
        else:
            loaded.append(agent)
    return loaded, broken


def read_agent(path: Path) -> AgentSettings | BrokenAgent:
    """Load one agent file; returns its settings or its errors."""
    try:
        return load_agent(path)
    except SettingsError as error:
        return BrokenAgent(name=path.parent.name, path=path, lines=error.lines)
    except Exception as error:  # an unexpected error of one agent must not stop the others
        return as_broken_agent(path, error)


def as_broken_agent(path: Path, error: Exception) -> BrokenAgent:
    """A broken agent for an unexpected error."""
    why = " ".join(str(error).split()) or "no message"
    return BrokenAgent(name=path.parent.name, path=path, lines=(f"{path}: {type(error).__name__}: {why}",))
