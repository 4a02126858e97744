"""What enters a report's fingerprint, and what the gate is told of a candidate's making."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from toolft_pipeline.settings import AgentSettings
from toolft_pipeline.stages.eval_report import STAGE, made_from_others, past_points
from toolft_pipeline.stages.evaluations.compared_models import contenders
from toolft_pipeline.stages.evaluations.evaluations import EVALUATION
from toolft_pipeline.stages.spec.stage import BuildContext, SourceContext
from toolft_pipeline.warehouse.store import Version, Warehouse
from toolft_pipeline_tests.agents import agent
from toolft_pipeline_tests.evaluation.model_versions import AGENT, commit

DAY, BEFORE = "2026-10-02", "2026-10-01"
BIG = {"base_url": "https://x.example/v1", "model": "big-1"}


@pytest.fixture
def warehouse(tmp_path: Path) -> Warehouse:
    return Warehouse(tmp_path / "warehouse")


def desk(tmp_path: Path, **sections: Any) -> AgentSettings:
    return agent(tmp_path, name=AGENT, **sections)


def made(warehouse: Warehouse) -> dict[str, Version]:
    """A candidate and everything that it was made from, in small."""
    tensors = commit(warehouse, "token_tensors", DAY, "tensors")
    base = commit(warehouse, "base_model", None, "base")
    read = {f"token_tensors/{DAY}": tensors.manifest.content_digest, "base_model/all": base.manifest.content_digest}
    adapter = commit(warehouse, "qlora_adapter", DAY, "adapter", inputs=read)
    of_model = {f"qlora_adapter/{DAY}": adapter.manifest.content_digest, "base_model/all": read["base_model/all"]}
    model = commit(warehouse, "merged_model", DAY, "model", inputs=of_model)
    return {"token_tensors": tensors, "base_model": base, "qlora_adapter": adapter, "merged_model": model}


def context(tmp_path: Path, warehouse: Warehouse, versions: dict[str, Version], **sections: Any) -> BuildContext:
    inputs = {asset: {version.manifest.address.partition or "all": version} for asset, version in versions.items()}
    return BuildContext(
        settings=desk(tmp_path, **sections), partition=DAY, inputs=inputs, out=tmp_path, scratch=tmp_path,
        warehouse=warehouse, progress=lambda _line: None, run_id=None,
    )  # fmt: skip


def test_made_from_others_is_silent_where_everything_at_hand_was_read(tmp_path: Path, warehouse: Warehouse) -> None:
    assert list(made_from_others(context(tmp_path, warehouse, made(warehouse)))) == []


@pytest.mark.parametrize("asset", ["token_tensors", "qlora_adapter", "base_model"])
def test_made_from_others_names_what_was_made_again_since(tmp_path: Path, warehouse: Warehouse, asset: str) -> None:
    """Green proofs of other rows than those that were trained on prove nothing of this model."""
    versions = made(warehouse)
    inputs = versions[asset].manifest.inputs
    partition = versions[asset].manifest.address.partition
    versions[asset] = commit(warehouse, asset, partition, "made again", inputs=inputs)
    (gap,) = made_from_others(context(tmp_path, warehouse, versions))
    assert f"was made from another version of {asset}/{partition or 'all'}; run the model's stages again" in gap


def test_sources_gap_in_the_lineage_enters_the_fingerprint_and_leaves_it_when_mended(
    tmp_path: Path, warehouse: Warehouse
) -> None:
    versions = made(warehouse)
    scope = SourceContext(settings=desk(tmp_path), partition=DAY, warehouse=warehouse)
    whole = STAGE.sources(scope)
    tensors = versions["token_tensors"].folder
    shutil.move(tensors, tmp_path / "away")
    assert STAGE.sources(scope).keys() - whole.keys() == {"lineage_gaps"}
    shutil.move(tmp_path / "away", tensors)
    assert STAGE.sources(scope) == whole


def test_sources_shadow_reads_the_days_runs_only_where_it_is_wanted(tmp_path: Path, warehouse: Warehouse) -> None:
    made(warehouse)
    runs = commit(warehouse, "verified_trajectories", DAY, "runs")
    sandbox = {"command": ["true"]}
    off = SourceContext(settings=desk(tmp_path, sandbox=sandbox), partition=DAY, warehouse=warehouse)
    on = desk(tmp_path, sandbox=sandbox, gate={"shadow": {"runs": 5}})
    found = STAGE.sources(SourceContext(settings=on, partition=DAY, warehouse=warehouse))
    assert found["shadow/verified_trajectories"] == runs.manifest.content_digest
    assert not [name for name in STAGE.sources(off) if name.startswith("shadow")]


def test_reads_price_makes_the_report_again_and_asks_no_model(tmp_path: Path) -> None:
    cheap, dear = (
        desk(tmp_path, evaluation={"compare": ["big"], "endpoints": {"big": {**BIG, "machine_hour_price": price}}})
        for price in (1.0, 2.0)
    )
    assert STAGE.fingerprint_settings(cheap) != STAGE.fingerprint_settings(dear)
    assert EVALUATION.fingerprint_settings(cheap) == EVALUATION.fingerprint_settings(dear)


def test_reads_endpoint_that_is_not_compared_enters_nothing(tmp_path: Path) -> None:
    assert STAGE.fingerprint_settings(
        desk(tmp_path, evaluation={"endpoints": {"big": BIG}})
    ) == STAGE.fingerprint_settings(desk(tmp_path))


def test_contenders_endpoint_is_found_by_what_decides_its_answers(tmp_path: Path, warehouse: Warehouse) -> None:
    versions = made(warehouse)

    def digest(**changes: Any) -> str:
        evaluation = {"compare": ["big"], "endpoints": {"big": {**BIG, **changes}}}
        *_, last = contenders(context(tmp_path, warehouse, versions, evaluation=evaluation), None)
        assert (last.name, last.folder) == ("big", None)
        return last.digest

    assert digest() == digest(retries=9, machine_hour_price=3.0)
    assert len({digest(), digest(model="big-2"), digest(request={"temperature": 1})}) == 3


def test_past_points_are_of_reports_up_to_the_day_and_one_that_cannot_be_read_stops_nothing(
    tmp_path: Path, warehouse: Warehouse
) -> None:
    report = (
        '{"models": {"candidate": {"n_tasks": 9, "task_success": RATE, "right_tool": RATE, "exact_match": RATE}}}'
    ).replace("RATE", '{"value": 0.5, "low": 0.4, "high": 0.6}')
    commit(warehouse, "eval_report", BEFORE, "first", files={"metrics.json": report})
    commit(warehouse, "eval_report", BEFORE, "second", files={"metrics.json": report})
    commit(warehouse, "eval_report", DAY, "of another form", files={"metrics.json": "{}"})
    commit(warehouse, "eval_report", "2026-10-03", "later", files={"metrics.json": report})
    damaged = commit(warehouse, "eval_report", "2026-09-30", "damaged", files={"metrics.json": report})
    (damaged.folder / "manifest.json").write_text("{")
    points = list(past_points(context(tmp_path, warehouse, made(warehouse))))
    assert [(point.day, point.n_tasks) for point in points] == [(BEFORE, 9), (BEFORE, 9)]
