"""All agents below a root: those that can be loaded, and those that cannot, with why.

Invariant: an agent that cannot be loaded takes no other agent with it, whatever is wrong with its file.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from toolft_pipeline.agent_file import SettingsError, agent_files, load_agent
from toolft_pipeline.settings import AgentSettings


@dataclass(frozen=True, kw_only=True)
class BrokenAgent:
    """An agent that is left out: its folder's name, its file, and what is wrong, a line each."""

    name: str
    path: Path
    lines: tuple[str, ...]


def find_agents(root: Path) -> tuple[list[AgentSettings], list[BrokenAgent]]:
    """The agents that can be loaded, and the others, each sorted by name."""
    loaded, broken = [], []
    for path in agent_files(root):
        agent = read_agent(path)
        if isinstance(agent, BrokenAgent):
            broken.append(agent)
        else:
            loaded.append(agent)
    return loaded, broken


def read_agent(path: Path) -> AgentSettings | BrokenAgent:
    """The settings of one file, or why there are none."""
    try:
        return load_agent(path)
    except SettingsError as error:
        return BrokenAgent(name=path.parent.name, path=path, lines=error.lines)
    except Exception as error:  # a fault of the reader itself must not stop the other agents either
        return as_broken_agent(path, error)


def as_broken_agent(path: Path, error: Exception) -> BrokenAgent:
    """An agent that is left out over an error that nobody foresaw."""
    why = " ".join(str(error).split()) or "no message"
    return BrokenAgent(name=path.parent.name, path=path, lines=(f"{path}: {type(error).__name__}: {why}",))
