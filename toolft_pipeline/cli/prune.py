"""`toolft prune`: what retention lets go, and how many bytes, taken away unless it is a dry run."""

from __future__ import annotations

from toolft_pipeline.agent_file import warehouse_root
from toolft_pipeline.cli.runs.instance import open_instance
from toolft_pipeline.cli.runs.terminal import say
from toolft_pipeline.settings import AgentSettings
from toolft_pipeline.warehouse.store import Warehouse


def prune_agent(settings: AgentSettings, *, dry_run: bool) -> int:
    """Print what goes, one line each; take it away unless `dry_run`. Raises `WarehouseError`."""
    from toolft_pipeline.orchestration.prune import plan_pruning, prune, pruning_lines, unfinished_runs
    from toolft_pipeline.orchestration.runs.stale_runs import recover_from_dead_runs

    warehouse = Warehouse(warehouse_root())
    with open_instance() as instance:
        recover_from_dead_runs(instance)
        unfinished = unfinished_runs(instance)
    if unfinished.runs:
        say(f"{unfinished.runs} runs have not ended: what was in force since {unfinished.since:%Y-%m-%d %H:%M} stays")
    pruning = plan_pruning(settings, warehouse, unfinished=unfinished)
    say(*pruning_lines(pruning, warehouse))
    if dry_run:
        say("a dry run: nothing was taken away")
    else:
        prune(settings, warehouse, pruning, progress=say)
    return 0
