"""`toolft rollback`: one move of the pointer to the model in service, and one event on the instance that shows it."""

from __future__ import annotations

from toolft_pipeline.agent_file import warehouse_root
from toolft_pipeline.cli.runs.instance import open_instance
from toolft_pipeline.cli.runs.terminal import say
from toolft_pipeline.evaluation.promotion.rollback import roll_back
from toolft_pipeline.settings import AgentSettings
from toolft_pipeline.warehouse.store import Warehouse


def rollback_agent(settings: AgentSettings, *, to: str | None) -> int:
    """Go back, print what served before and after. Raises `RollbackError`."""
    done = roll_back(Warehouse(warehouse_root()), settings.name, to=to)
    say(f"before  {done.before}")
    say(f"after   {done.after}")
    say(f"        {done.after.folder}")
    if done.withdrawn:
        names = ", ".join(digest[:16] for digest in done.withdrawn)
        say(f"{names}: withdrawn; no run promotes it again, `toolft rollback {settings.name} --to` puts it back")
    _tell_instance(settings)
    return 0


def _tell_instance(settings: AgentSettings) -> None:
    """The pointer has moved already: what the instance cannot be told now, an observation of the asset shows later."""
    from toolft_pipeline.orchestration.model_in_service import service_observation

    with open_instance() as instance:
        instance.report_runless_asset_event(service_observation(settings.name, move="rollback"))
