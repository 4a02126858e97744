"""The code location: the same assets, jobs, schedule and sensors for every agent file found."""

from __future__ import annotations

import dagster as dg

from toolft_pipeline.agent_file import agent_files, agents_root, load_agent
from toolft_pipeline.assets.build import agent_resource, resource_key, stage_assets
from toolft_pipeline.assets.model_in_service import service_source
from toolft_pipeline.automation.alert_sensor import alert_sensor
from toolft_pipeline.automation.catalog_watch import catalog_sensor
from toolft_pipeline.automation.conditions import automation_sensor
from toolft_pipeline.automation.executor import executor_from_environment
from toolft_pipeline.automation.jobs import agent_jobs
from toolft_pipeline.automation.log_watch import log_sensor
from toolft_pipeline.automation.overview_asset import agents_overview, overview_sensor
from toolft_pipeline.automation.prune import prune_job, prune_schedule
from toolft_pipeline.automation.schedules import nightly_schedule
from toolft_pipeline.settings import AgentSettings


def build_definitions(agents: list[AgentSettings]) -> dg.Definitions:
    """Definitions of a list of agents: groups, key prefixes and jobs carry each agent's name."""
    return dg.Definitions(
        assets=[
            *(asset for agent in agents for asset in stage_assets(agent)),
            *(service_source(agent) for agent in agents),
            agents_overview,
        ],
        jobs=[*(job for agent in agents for job in agent_jobs(agent)), *(prune_job(agent) for agent in agents)],
        sensors=[
            *(make(agent) for agent in agents for make in (catalog_sensor, automation_sensor, log_sensor)),
            alert_sensor(agents),
            overview_sensor,
        ],
        schedules=[*(nightly_schedule(agent) for agent in agents), *(prune_schedule(agent) for agent in agents)],
        resources={resource_key(agent.name): agent_resource(agent) for agent in agents},
        executor=executor_from_environment(),
    )


defs = build_definitions([load_agent(path) for path in agent_files(agents_root())])
