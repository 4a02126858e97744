"""`toolft doctor`: what of this installation works, and what to do about the rest."""

from __future__ import annotations

from toolft_pipeline.agent_file import agents_root, warehouse_root
from toolft_pipeline.cli.runs.terminal import say
from toolft_pipeline.orchestration.doctor import State, diagnose
from toolft_pipeline.project import project_root


def print_diagnosis() -> int:
    """Print every finding; 1 where something is broken."""
    broken = False
    for found in diagnose(agents=agents_root(), warehouse=warehouse_root(), home=project_root()):
        say(f"{found.state:8}{found.subject:20}{found.said}")
        if found.mend:
            say(f"{'':28}-> {found.mend}")
        broken = broken or found.state is State.BROKEN
    return int(broken)
