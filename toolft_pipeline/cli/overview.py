"""`toolft overview`: how every agent stands, and where the page with it lies."""

from __future__ import annotations

from toolft_pipeline.assets.overview_page import Light, overview_lines
from toolft_pipeline.automation.overview import gather_overview, write_page
from toolft_pipeline.cli.instance import open_instance
from toolft_pipeline.cli.terminal import say


def print_overview() -> int:
    """Print every agent's lines; 1 where any is red."""
    with open_instance() as instance:
        agents = gather_overview(instance)
    for overview in agents:
        head, *lines = overview_lines(overview)
        say(f"{overview.agent}: {overview.light}: {head}", *(f"  {line}" for line in lines))
    say(str(write_page(agents)))
    return 1 if any(overview.light is Light.RED for overview in agents) else 0
