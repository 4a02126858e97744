"""A night without news makes no model, says why and is green; a night with news makes one."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import dagster as dg
import msgspec
import pytest

from toolft_pipeline.orchestration import jobs
from toolft_pipeline.orchestration.sensors.schedules import night_config
from toolft_pipeline.stages import stages
from toolft_pipeline.stages.planning import retrain_policy
from toolft_pipeline.stages.planning.retrain_policy import decide_retrain
from toolft_pipeline.stages.spec.run_stage import run_stage
from toolft_pipeline.stages.spec.stage import BuildContext, Group, PartitionScope, Stage
from toolft_pipeline.warehouse.manifest import MANIFEST, encode_manifest
from toolft_pipeline.warehouse.store import BuildOutput, Warehouse
from toolft_pipeline_tests.orchestration.site import Site, opened

FIRST, SECOND, THIRD = "2026-10-01", "2026-10-02", "2026-10-03"


def _one_file(context: BuildContext) -> BuildOutput:
    """What each stand-in writes: everything that it read, so that its content follows its inputs."""
    read = {asset: [v.manifest.content_digest for v in versions.values()] for asset, versions in context.inputs.items()}
    path = context.settings.path(f"runs/{context.partition}.json")
    runs = json.loads(path.read_text()) if path.is_file() else 0
    epochs = context.settings.training.epochs if "training_set" in read else None  # of the only stage that declares it
    (context.out / "made.json").write_text(json.dumps([read, runs if not read else 0, epochs]))
    return BuildOutput(content=("made.json",), rows={"accepted": runs}, headline={"moved": False})


def stand_in(asset: str, group: Group, inputs: dict[str, PartitionScope], **how: Any) -> Stage:
    def sources(scope: Any) -> dict[str, str]:
        path = scope.settings.path(f"runs/{scope.partition}.json")
        return {} if inputs or not path.is_file() else {path.name: path.read_text()}

    return Stage(
        asset=asset, description=asset, group=group, kinds=(), code_version="1", inputs=inputs,
        build=_one_file, sources=sources, **how,
    )  # fmt: skip


STAND_INS = (
    stand_in("tool_catalog", Group.SOURCES, {}, partitioned=False),
    stand_in("base_model", Group.SOURCES, {}, partitioned=False, nightly=True),
    stand_in("verified_trajectories", Group.DATA, {}),
    stand_in("token_tensors", Group.DATA, {"verified_trajectories": PartitionScope.SAME}),
    stand_in("readiness_report", Group.MODEL, {"verified_trajectories": PartitionScope.WINDOW}),
    stand_in("training_set", Group.MODEL, {"token_tensors": PartitionScope.WINDOW}, begins_model=True),
    stand_in(
        "qlora_adapter",
        Group.MODEL,
        {
            "training_set": PartitionScope.SAME,
            "token_tensors": PartitionScope.WINDOW,
            "base_model": PartitionScope.WHOLE,
        },
        settings=("training.epochs",),
    ),
    stand_in("eval_report", Group.MODEL, {"qlora_adapter": PartitionScope.SAME}),
)
"""The flow's shape with builds that cost nothing: what is asked here is which of them run."""


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    """An agent `desk` with twelve accepted runs on its first day, and its first model."""
    from toolft_pipeline.orchestration import conditions

    for module in (stages, retrain_policy, jobs, conditions):
        monkeypatch.setattr(module, "STAGES", STAND_INS)
    folder = tmp_path / "agents" / "desk"
    for name in ("logs", "runs"):
        (folder / name).mkdir(parents=True)
    (folder / "agent.yaml").write_text(
        f'first_day: "{FIRST}"\ncatalog: {{file: c.json}}\nbase_model: {{folder: m}}\nwindow_days: 2\n'
    )
    with opened(folder, tmp_path / "warehouse") as site:
        for stage in STAND_INS[:2]:
            run_stage(stage, site.settings, None, site.warehouse, progress=lambda _line: None, run_id=None)
        logged(site, FIRST, runs=12)
        night(site, FIRST)
        assert FIRST in Warehouse(site.warehouse.root).partitions("desk", "qlora_adapter")
        yield site


def logged(site: Site, day: str, *, runs: int) -> None:
    (site.folder / "runs" / f"{day}.json").write_text(str(runs))
    (site.folder / "logs" / f"{day}.jsonl").touch()


def night(site: Site, day: str) -> dg.ExecuteInProcessResult:
    """The nightly job as the schedule launches it, in this process."""
    result = site.run("nightly", day, run_config=night_config(site.settings))
    assert result.success
    return result


def made(result: dg.ExecuteInProcessResult) -> set[str]:
    return {event.materialization.asset_key.path[-1] for event in result.get_asset_materialization_events()}


def skipped(result: dg.ExecuteInProcessResult) -> set[str]:
    return {str(event.step_key).removeprefix("desk__") for event in result.all_events if event.is_step_skipped}


def test_night_with_too_few_new_runs_makes_data_and_reports_but_no_model(site: Site) -> None:
    logged(site, SECOND, runs=4)
    result = night(site, SECOND)
    assert made(result) == {"base_model", "verified_trajectories", "token_tensors", "readiness_report"}
    assert skipped(result) == {"qlora_adapter", "eval_report"}
    reason = "4 new accepted runs since the model of 2026-10-01; schedule.min_new_rows is 10"
    (shown,) = site.instance.fetch_observations(site.key("training_set"), limit=1).records
    assert shown.asset_observation.metadata["skipped"].value == reason  # type: ignore[union-attr]
    logs = [entry.user_message for entry in site.instance.all_logs(result.run_id)]
    assert f"no model tonight: {reason}" in logs


def test_night_counts_the_runs_of_skipped_nights(site: Site) -> None:
    for day, runs in ((SECOND, 4), (THIRD, 7)):
        logged(site, day, runs=runs)
        result = night(site, day)
    assert "qlora_adapter" in made(result)


def test_worth_a_model_where_an_old_day_of_the_window_is_another_now(site: Site) -> None:
    logged(site, FIRST, runs=13)
    night_of_data = site.run("data", FIRST)
    assert night_of_data.success
    found = decide_retrain(site.settings, site.warehouse, day=SECOND)
    assert (found.retrain, found.reason) == (
        True,
        "1 days of the window have other content since the model of 2026-10-01",
    )


def test_worth_a_model_where_training_would_be_another_or_the_last_one_did_not_end(site: Site) -> None:
    assert not decide_retrain(site.settings, site.warehouse, day=SECOND).retrain
    site.configure(training={"epochs": 3})
    found = decide_retrain(site.settings, site.warehouse, day=SECOND)
    assert found.reason == "the settings or the code of qlora_adapter changed since the model of 2026-10-01"
    site.configure(training={})
    site.current("eval_report", FIRST).folder.parent.parent.rename(site.folder / "gone")
    found = decide_retrain(site.settings, site.warehouse, day=SECOND)
    assert found.reason == "no eval_report was made since the model of 2026-10-01"


def test_worth_a_model_first_one_wants_enough_runs_too(site: Site) -> None:
    site.configure(schedule={"min_new_rows": 13})
    (site.warehouse.root / "desk" / "qlora_adapter").rename(site.folder / "gone")
    found = decide_retrain(site.settings, site.warehouse, day=FIRST)
    assert (found.retrain, found.reason) == (
        False,
        "12 new accepted runs since the first log; schedule.min_new_rows is 13",
    )


def test_run_of_a_person_makes_the_model_however_little_is_new(site: Site) -> None:
    logged(site, SECOND, runs=1)
    site.run("data", SECOND)
    assert "qlora_adapter" in made(site.run("model", SECOND))


def tick(site: Site, day: int) -> Any:
    definitions = site.definitions
    schedule = definitions.resolve_schedule_def("desk_nightly")
    context = dg.build_schedule_context(
        instance=site.instance,
        scheduled_execution_time=datetime(2026, 10, day, 2, tzinfo=UTC),
        repository_def=definitions.get_repository_def(),
    )
    return schedule.evaluate_tick(context)


def test_schedule_of_a_day_without_logs_skips_with_the_reason_unless_the_window_changed(site: Site) -> None:
    found = tick(site, 3)
    assert found.run_requests == []
    assert found.skip_message == (
        "desk: 2026-10-02 has no logs, and no new accepted runs since the model of 2026-10-01; "
        "schedule.min_new_rows is 10"
    )
    logged(site, FIRST, runs=13)
    site.run("data", FIRST)
    (request,) = tick(site, 3).run_requests
    assert request.partition_key == SECOND


def test_night_waits_while_days_of_the_window_are_of_another_base_model(site: Site) -> None:
    tensors = site.current("token_tensors", FIRST)
    inputs = tensors.manifest.inputs | {"base_model/all": "another"}
    manifest = msgspec.structs.replace(tensors.manifest, inputs=inputs)
    (tensors.folder / MANIFEST).write_bytes(encode_manifest(manifest))
    worth = decide_retrain(site.settings, site.warehouse, day=SECOND)
    assert not worth.retrain
    assert "the base model changed, and 1 days of the window wait for new tokens: desk_automation" in worth.reason
