"""The run coordinator of dagster.yaml: it tags each run with its agent.

Invariant: every run that goes through the queue has its agent's name as a tag, whoever launched it (UI, sensor,
schedule, backfill), so that the queue's limit per agent holds and no agent's runs block another's.
"""

from __future__ import annotations

import dagster as dg

from toolft_pipeline.orchestration.runs.run_tags import AGENT_TAG


class AgentRunCoordinator(dg.QueuedRunCoordinator):
    """Dagster's queued run coordinator, with the agent's tag on every run."""

    def submit_run(self, context: dg.SubmitRunContext) -> dg.DagsterRun:
        """Tag the run, then queue it."""
        run = context.dagster_run
        if AGENT_TAG not in run.tags and (agents := {key.path[0] for key in run.asset_selection or ()}):
            self._instance.add_run_tags(run.run_id, {AGENT_TAG: ",".join(sorted(agents))})
        return super().submit_run(context)
