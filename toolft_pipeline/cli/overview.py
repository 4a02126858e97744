"""`toolft overview`: the status of every agent, and the path of the overview page."""

from __future__ import annotations

from toolft_pipeline.cli.runs.instance import open_instance
from toolft_pipeline.cli.runs.terminal import say
from toolft_pipeline.orchestration.overview.overview import gather_overview, write_page
from toolft_pipeline.stages.presentation.overview_page import AgentStatus, overview_lines


def print_overview() -> int:
    """Print the lines of every agent; returns 1 if any has failures."""
    with open_instance() as instance:
        agents = gather_overview(instance)
    for overview in agents:
        head, *lines = overview_lines(overview)
        say(f"{overview.agent}: {overview.status}: {head}", *(f"  {line}" for line in lines))
    say(str(write_page(agents)))
    return 1 if any(overview.status is AgentStatus.RED for overview in agents) else 0
