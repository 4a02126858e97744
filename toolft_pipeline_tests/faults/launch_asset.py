"""python -m toolft_pipeline_tests.faults.launch_asset AGENT ASSET DAY: one run of one model asset, built in any case.

The real job, on the instance of DAGSTER_HOME, by the project's executor. Exit status 1 where the run fails.
"""

from __future__ import annotations

import sys

from toolft_pipeline.agent_file import AGENT_FILE, load_agent
from toolft_pipeline.cli.runs.instance import open_instance
from toolft_pipeline.cli.runs.launch import Launcher, RunFailedError
from toolft_pipeline.orchestration.build import resource_key
from toolft_pipeline.project import project_root
from toolft_pipeline.stages.spec.stage import Group


def main(agent: str, asset: str, day: str) -> None:
    settings = load_agent(project_root() / "data" / agent / AGENT_FILE)
    config = {"resources": {resource_key(agent): {"config": {"force": True}}}}
    with open_instance() as instance:
        launcher = Launcher(instance=instance, settings=settings, config=config, assets={asset})
        try:
            launcher.launch(Group.MODEL, day)
        except RunFailedError as error:
            sys.exit(str(error))


if __name__ == "__main__":
    main(*sys.argv[1:])
