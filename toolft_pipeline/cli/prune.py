"""`toolft prune`: delete what retention does not keep."""

from __future__ import annotations

from toolft_pipeline.agent_file import warehouse_root
from toolft_pipeline.cli.runs.instance import open_instance
from toolft_pipeline.cli.runs.terminal import say
from toolft_pipeline.settings import AgentSettings
from toolft_pipeline.warehouse.store import Warehouse


def prune_agent(settings: AgentSettings, *, dry_run: bool) -> int:
    """Print what is deleted, and delete it unless `dry_run`. Raises `WarehouseError`."""
    from toolft_pipeline.orchestration.prune import plan_pruning, prune, pruning_lines, unfinished_runs
    from toolft_pipeline.orchestration.runs.stale_runs import recover_from_dead_runs

    warehouse = Warehouse(warehouse_root())
    with open_instance() as instance:
        recover_from_dead_runs(instance)
        unfinished = unfinished_runs(instance)
    if unfinished.runs:
        say(f"{unfinished.runs} unfinished runs: versions in force since {unfinished.since:%Y-%m-%d %H:%M} are kept")
    pruning = plan_pruning(settings, warehouse, unfinished=unfinished)
    say(*pruning_lines(pruning, warehouse))
    if dry_run:
        say("dry run: nothing was deleted")
    else:
        prune(settings, warehouse, pruning, progress=say)
    return 0
