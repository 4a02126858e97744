"""All definitions of one agent, as lines of a file: a change of any of them shows in a review.

Write the file again with `python -m toolft_pipeline_tests.test_definitions_snapshot`.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import dagster as dg

from toolft_pipeline.agent_file import AGENT_FILE, load_agent
from toolft_pipeline.definitions import build_definitions
from toolft_pipeline_tests.conftest import REPOSITORY

SNAPSHOT = Path(__file__).with_name("definitions.txt")


def snapshot() -> str:
    definitions = build_definitions([load_agent(REPOSITORY / "data" / "assistant" / AGENT_FILE)])
    lines = [*assets(definitions), *jobs(definitions), *sensors(definitions), *schedules(definitions)]
    return "\n".join(lines) + "\n"


def assets(definitions: dg.Definitions) -> Iterator[str]:
    graph = definitions.resolve_asset_graph()
    ops = {
        asset.key: asset.op for asset in definitions.assets or () if isinstance(asset, dg.AssetsDefinition) and asset.op
    }
    for key in sorted(graph.get_all_asset_keys()):
        node = graph.get(key)
        yield f"asset {key.to_user_string()}"
        yield f"    group {node.group_name}; kinds {', '.join(sorted(node.kinds))}; owners {', '.join(node.owners)}"
        yield from (f"    reads {parent.to_user_string()}" for parent in sorted(node.parent_keys))
        yield from (f"    check {check.name}" for check in sorted(node.check_keys))
        if node.partitions_def is not None:
            yield f"    partitions {type(node.partitions_def).__name__}, backfill {node.backfill_policy}"
        if node.automation_condition is not None:
            yield f"    condition: {node.automation_condition.get_label()}"
        if node.freshness_policy is not None:
            yield f"    freshness {type(node.freshness_policy).__name__}"
        if (op := ops.get(key)) is not None:
            yield from ([f"    pool {op.pool}"] if op.pool else [])
            yield from (f"    op tag {name} {value}" for name, value in sorted(op.tags.items()))


def jobs(definitions: dg.Definitions) -> Iterator[str]:
    for name in sorted(job.name for job in definitions.jobs or ()):
        job = definitions.resolve_job_def(name)
        yield f"job {job.name}, executor {job.executor_def.name}"
        yield from (f"    tag {tag} {value}" for tag, value in sorted(job.tags.items()))
        yield from (f"    op {node.name}" for node in sorted(job.nodes, key=lambda each: each.name))


def sensors(definitions: dg.Definitions) -> Iterator[str]:
    for sensor in sorted(definitions.sensors or (), key=lambda each: each.name):
        yield f"sensor {sensor.name}, {sensor.default_status.value}, every {sensor.minimum_interval_seconds} s"


def schedules(definitions: dg.Definitions) -> Iterator[str]:
    for each in definitions.schedules or ():
        assert isinstance(each, dg.ScheduleDefinition)
        yield f"schedule {each.name}, {each.cron_schedule}, {each.execution_timezone}, {each.default_status.value}"


def test_definitions_are_those_of_the_snapshot() -> None:
    assert snapshot() == SNAPSHOT.read_text(encoding="utf-8"), f"write {SNAPSHOT.name} again: see {__file__}"


if __name__ == "__main__":
    SNAPSHOT.write_text(snapshot(), encoding="utf-8")
