"""`toolft rollback`: put an earlier model in service, and record an observation on the instance."""

from __future__ import annotations

from toolft_pipeline.agent_file import warehouse_root
from toolft_pipeline.cli.runs.instance import open_instance
from toolft_pipeline.cli.runs.terminal import say
from toolft_pipeline.evaluation.promotion.rollback import roll_back
from toolft_pipeline.settings import AgentSettings
from toolft_pipeline.warehouse.store import Warehouse


def rollback_agent(settings: AgentSettings, *, to: str | None) -> int:
    """Roll back and print the model in service before and after. Raises `RollbackError`."""
    done = roll_back(Warehouse(warehouse_root()), settings.name, to=to)
    say(f"before  {done.before}")
    say(f"after   {done.after}")
    say(f"        {done.after.folder}")
    if done.withdrawn:
        names = ", ".join(digest[:16] for digest in done.withdrawn)
        say(f"{names}: withdrawn: no run promotes it again")
        say(f"`toolft rollback {settings.name} --to` puts it back in service")
    _record_observation(settings)
    return 0


def _record_observation(settings: AgentSettings) -> None:
    """Record the change; if this fails, the next observation of the asset shows it."""
    from toolft_pipeline.orchestration.model_in_service import service_observation

    with open_instance() as instance:
        instance.report_runless_asset_event(service_observation(settings.name, move="rollback"))
