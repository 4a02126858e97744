"""What enters a report's fingerprint, and what the gate learns of how a candidate was made."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from toolft_pipeline.evaluation.promotion.model_registry import InService
from toolft_pipeline.evaluation.report.report_content import IN_SERVICE
from toolft_pipeline.settings import AgentSettings
from toolft_pipeline.stages.eval_report import STAGE
from toolft_pipeline.stages.evaluations.abilities import compared_abilities
from toolft_pipeline.stages.evaluations.bfcl_evaluations import BfclResults
from toolft_pipeline.stages.evaluations.compared_models import compared_models
from toolft_pipeline.stages.evaluations.evaluations import EVALUATION, reuse_or_evaluate
from toolft_pipeline.stages.evaluations.gate_decision import stale_inputs
from toolft_pipeline.stages.evaluations.past_reports import inputs_of, last_inputs, past_reports
from toolft_pipeline.stages.spec.stage import BuildContext, SourceContext, StageError
from toolft_pipeline.warehouse.store import Version, Warehouse
from toolft_pipeline_tests.agents import agent
from toolft_pipeline_tests.evaluation.figures import figures
from toolft_pipeline_tests.evaluation.model_versions import AGENT, commit, model

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
    assert list(stale_inputs(context(tmp_path, warehouse, made(warehouse)))) == []


@pytest.mark.parametrize("asset", ["token_tensors", "qlora_adapter", "base_model"])
def test_made_from_others_names_what_was_made_again_since(tmp_path: Path, warehouse: Warehouse, asset: str) -> None:
    """Green proofs of other rows than those that were trained on prove nothing of this model."""
    versions = made(warehouse)
    inputs = versions[asset].manifest.inputs
    partition = versions[asset].manifest.address.partition
    versions[asset] = commit(warehouse, asset, partition, "made again", inputs=inputs)
    (gap,) = stale_inputs(context(tmp_path, warehouse, versions))
    assert f"was made from another version of {asset}/{partition or 'all'}; run the model's stages again" in gap


def test_sources_gap_in_the_lineage_enters_the_fingerprint_and_leaves_it_when_fixed(
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


def test_inputs_of_the_shadow_gate_are_read_only_where_it_is_on(tmp_path: Path) -> None:
    sandbox = {"command": ["true"]}
    off, on = desk(tmp_path), desk(tmp_path, sandbox=sandbox, gate={"shadow": {"runs": 5}})
    assert list(STAGE.optional) == ["verified_trajectories"]
    assert STAGE.optional["verified_trajectories"](on)
    assert not STAGE.optional["verified_trajectories"](off)


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


def test_compared_endpoint_is_found_by_what_decides_its_answers(tmp_path: Path, warehouse: Warehouse) -> None:
    versions = made(warehouse)

    def digest(**changes: Any) -> str:
        evaluation = {"compare": ["big"], "endpoints": {"big": {**BIG, **changes}}}
        *_, last = compared_models(context(tmp_path, warehouse, versions, evaluation=evaluation), None)
        assert (last.name, last.folder) == ("big", None)
        return last.digest

    assert digest() == digest(retries=9, machine_hour_price=3.0)
    assert len({digest(), digest(model="big-2"), digest(request={"temperature": 1})}) == 3


def test_damaged_model_in_service_is_not_evaluated(tmp_path: Path, warehouse: Warehouse) -> None:
    """It is no declared input: which model serves is known only when the report is written."""
    versions = made(warehouse) | {"tool_catalog": commit(warehouse, "tool_catalog", None, "catalog")}
    champion = model(warehouse, BEFORE, "the model in service")
    serving = InService(day=BEFORE, folder=champion.folder, content_digest=champion.manifest.content_digest)
    (champion.folder / "model" / "weights").write_text("the model in servicE")
    report = context(tmp_path, warehouse, versions)
    (in_service,) = (each for each in compared_models(report, serving) if each.name == IN_SERVICE)
    with pytest.raises(StageError, match=rf"merged_model/{BEFORE} is damaged: .*weights"):
        reuse_or_evaluate(report, in_service, [], tasks_from={})


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
    edited = commit(warehouse, "eval_report", "2026-09-29", "edited", files={"metrics.json": report})
    edited.file("metrics.json").write_text(report.replace("0.5", "0.9"))
    points = list(past_reports(context(tmp_path, warehouse, made(warehouse))))
    assert [(point.day, point.n_tasks) for point in points] == [(BEFORE, 9), (BEFORE, 9)]


def test_last_inputs_are_of_the_newest_report_up_to_the_day_that_has_a_record(
    tmp_path: Path, warehouse: Warehouse
) -> None:
    def record(day: str, n_tasks: int) -> str:
        return f'{{"day": "{day}", "rows": {{}}, "trained_rows": 1, "tools": {{}}, "base": "b", "n_tasks": {n_tasks}}}'

    assert last_inputs(context(tmp_path, warehouse, made(warehouse))) is None
    commit(warehouse, "eval_report", "2026-09-30", "older", files={"inputs.json": record("2026-09-30", 1)})
    commit(warehouse, "eval_report", BEFORE, "last night", files={"inputs.json": record(BEFORE, 2)})
    commit(warehouse, "eval_report", DAY, "without a record", files={"metrics.json": "{}"})
    commit(warehouse, "eval_report", "2026-10-03", "later", files={"inputs.json": record("2026-10-03", 3)})
    last = last_inputs(context(tmp_path, warehouse, made(warehouse)))
    assert last is not None
    assert (last.day, last.n_tasks) == (BEFORE, 2)


def test_inputs_of_a_report_are_those_of_its_declared_inputs(tmp_path: Path, warehouse: Warehouse) -> None:
    versions = made(warehouse)
    tool = '{"name": "search", "description": "d", "inputSchema": {"type": "object", "properties": {}}}'
    for asset in ("token_tensors", "qlora_adapter"):
        versions[asset] = commit(warehouse, asset, DAY, "with rows", rows={"rows": 7})
    versions["tool_catalog"] = commit(
        warehouse, "tool_catalog", None, "catalog", files={"catalog.json": f'{{"tools": [{tool}]}}'}
    )
    found = inputs_of(context(tmp_path, warehouse, versions), n_tasks=5)
    assert (found.day, found.trained_rows, found.n_tasks, found.backend) == (DAY, 7, 5, None)
    assert found.rows[DAY].rows == 7
    assert found.rows[DAY].digest == versions["token_tensors"].manifest.content_digest
    assert found.base == versions["base_model"].manifest.content_digest
    assert list(found.tools) == ["search"]


def test_compared_abilities_take_the_base_under_whichever_prompt() -> None:
    ours, base = figures(80), figures(4)
    asked = {name: BfclResults(rates={}, irrelevance={"q": name == "base"}) for name in ("candidate", "base")}
    assert compared_abilities({"candidate": ours}, {}).base is None
    assert compared_abilities({"candidate": ours, "base_catalog": base}, {}).base is not None
    found = compared_abilities({"candidate": ours, "base": base}, asked)
    assert found.base is not None
    assert (found.candidate.irrelevance, found.base.irrelevance) == ({"q": False}, {"q": True})
    assert compared_abilities({"candidate": ours, "base": base}, {}).candidate.irrelevance is None
