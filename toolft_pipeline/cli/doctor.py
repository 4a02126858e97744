"""`toolft doctor`: what of this installation works, and what to do about the rest."""

from __future__ import annotations

from toolft_pipeline.agent_file import agents_root, warehouse_root
from toolft_pipeline.cli.runs.terminal import say
from toolft_pipeline.orchestration.doctor import Health, diagnose
from toolft_pipeline.project import project_root


def print_diagnosis() -> int:
    """Print every finding; 1 where something is broken."""
    broken = False
    for found in diagnose(agents=agents_root(), warehouse=warehouse_root(), home=project_root()):
        say(f"{found.state:8}{found.subject:20}{found.message}")
        if found.fix:
            say(f"{'':28}-> {found.fix}")
        broken = broken or found.state is Health.BROKEN
    return int(broken)
