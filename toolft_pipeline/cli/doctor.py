"""`toolft doctor`: diagnose this installation, with a fix for each problem."""

from __future__ import annotations

from toolft_pipeline.agent_file import agents_root, warehouse_root
from toolft_pipeline.cli.runs.terminal import say
from toolft_pipeline.orchestration.doctor import Health, diagnose
from toolft_pipeline.project import project_root


def print_diagnosis() -> int:
    """Print all diagnoses; returns 1 if something is broken."""
    broken = False
    for diagnosis in diagnose(agents=agents_root(), warehouse=warehouse_root(), home=project_root()):
        say(f"{diagnosis.state:8}{diagnosis.subject:20}{diagnosis.message}")
        if diagnosis.fix:
            say(f"{'':28}-> {diagnosis.fix}")
        broken = broken or diagnosis.state is Health.BROKEN
    return int(broken)
