"""The pointer to the model in service, moved by the asset and by the command line, as the instance shows it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import msgspec
import pytest

from toolft_pipeline.agent_file import load_agent
from toolft_pipeline.cli.main import run
from toolft_pipeline.evaluation.promotion.gate import GateVerdict
from toolft_pipeline.evaluation.promotion.model_registry import SERVICE, in_service, service_folder
from toolft_pipeline.evaluation.promotion.verdict import VERDICT_FILE
from toolft_pipeline.orchestration.build import agent_resource, resource_key, stage_assets
from toolft_pipeline.settings import AgentSettings
from toolft_pipeline.stages import champion, eval_report
from toolft_pipeline.stages.spec.run_stage import run_stage
from toolft_pipeline.stages.spec.stage import SourceContext, StageError
from toolft_pipeline.warehouse.manifest import ArtifactKey, fingerprint_of
from toolft_pipeline.warehouse.pointers import pointer_history
from toolft_pipeline.warehouse.store import BuildOutput, Recipe, Version, Warehouse
from toolft_pipeline_tests.conftest import REPOSITORY
from toolft_pipeline_tests.evaluation.model_versions import AGENT, model

DAYS = ("2026-10-01", "2026-10-02")


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[dg.DagsterInstance]:
    """An agent `desk` with an instance and a warehouse of its own."""
    folder = tmp_path / "data" / AGENT
    folder.mkdir(parents=True)
    (folder / "agent.yaml").write_text(
        'first_day: "2026-10-01"\ncatalog: {file: c.json}\nbase_model: {folder: m}\nwindow_days: 2\n'
    )
    (tmp_path / "dagster.yaml").write_text((REPOSITORY / "dagster.yaml").read_text())
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path))
    monkeypatch.setenv("TOOLFT_AGENTS", str(tmp_path / "data"))
    monkeypatch.setenv("TOOLFT_WAREHOUSE", str(tmp_path / "warehouse"))
    (tmp_path / "data" / ".dagster").mkdir()
    with dg.DagsterInstance.get() as instance:
        yield instance


@pytest.fixture
def warehouse(site: dg.DagsterInstance, tmp_path: Path) -> Warehouse:
    return Warehouse(tmp_path / "warehouse")


def settings(tmp_path: Path) -> AgentSettings:
    return load_agent(tmp_path / "data" / AGENT / "agent.yaml")


def judged(warehouse: Warehouse, day: str, *, promote: bool, against: str | None) -> Version:
    """A model of a day, and a report whose verdict is this."""
    version = model(warehouse, day, f"model of {day}")
    verdict = GateVerdict(
        promote=promote, reasons=("so says the gate",), n_tasks=60, smallest_visible_difference=0.1, against=against
    )
    address = ArtifactKey(agent=AGENT, asset="eval_report", partition=day)
    recipe = Recipe(
        address=address,
        fingerprint=fingerprint_of(code_version=f"{promote} {against}", settings={}, inputs={}),
        code_version="1",
        settings={},
        inputs={},
    )
    with warehouse.staging(address) as staged:
        (staged / VERDICT_FILE).write_bytes(msgspec.json.encode(verdict))
        built = BuildOutput(content=(VERDICT_FILE,), rows={}, headline={})
        warehouse.commit(staged, recipe, built, run_id=None, started=0.0)
    return version


def materialize(instance: dg.DagsterInstance, tmp_path: Path, day: str) -> dg.AssetMaterialization:
    agent = settings(tmp_path)
    done = dg.materialize(
        stage_assets(agent),
        selection=[dg.AssetKey([AGENT, "champion"])],
        partition_key=day,
        instance=instance,
        resources={resource_key(AGENT): agent_resource(agent)},
    )
    (event,) = done.asset_materializations_for_node(f"{AGENT}__champion")
    return event


def observations(instance: dg.DagsterInstance) -> list[tuple[str, str]]:
    """(what moved the pointer, data version) of each event on the model in service, oldest first."""
    records = instance.fetch_observations(dg.AssetKey([AGENT, SERVICE]), limit=10).records
    found = [record.asset_observation for record in reversed(records)]
    return [(str(each.metadata["move"].value), each.tags["dagster/data_version"]) for each in found if each is not None]


def test_champion_promotes_once_and_the_instance_shows_what_serves(
    site: dg.DagsterInstance, warehouse: Warehouse, tmp_path: Path
) -> None:
    version = judged(warehouse, DAYS[0], promote=True, against=None)
    first, second = (materialize(site, tmp_path, DAYS[0]) for _ in range(2))
    assert first.metadata["promoted"].value is True
    assert second.metadata["version/reused"].value is True
    assert len(pointer_history(service_folder(warehouse, AGENT))) == 1
    assert observations(site) == [("promotion", version.manifest.content_digest)]


def test_champion_refused_candidate_keeps_its_report_and_says_why(
    site: dg.DagsterInstance, warehouse: Warehouse, tmp_path: Path
) -> None:
    judged(warehouse, DAYS[0], promote=False, against=None)
    event = materialize(site, tmp_path, DAYS[0])
    assert (event.metadata["promoted"].value, event.metadata["why"].value) == (False, "so says the gate")
    assert next(iter(event.metadata)) == "outcome"
    assert event.metadata["outcome"].value == "**refused**: the model in service stays\n- so says the gate"
    key = dg.AssetCheckKey(dg.AssetKey([AGENT, "champion"]), "candidate_serves")
    record = site.event_log_storage.get_latest_asset_check_execution_by_key([key])[key]
    assert record.status.value == "FAILED"  # the asset is no plain green
    assert in_service(warehouse, AGENT) is None
    assert observations(site) == []


def test_champion_refuses_a_verdict_that_was_edited_on_disk(warehouse: Warehouse, tmp_path: Path) -> None:
    """The stage runs alone: no stage before it makes the damaged report again."""
    judged(warehouse, DAYS[0], promote=False, against=None)
    report = warehouse.current(ArtifactKey(agent=AGENT, asset="eval_report", partition=DAYS[0]))
    assert report is not None
    verdict = report.file(VERDICT_FILE)
    edited = verdict.read_bytes().replace(b'"promote":false', b'"promote":true ')
    assert len(edited) == verdict.stat().st_size
    verdict.write_bytes(edited)
    with pytest.raises(
        StageError, match=r"eval_report/2026-10-01 is damaged: \S*verdict\.json .* --stage eval_report`"
    ):
        run_stage(champion.STAGE, settings(tmp_path), DAYS[0], warehouse, progress=print, run_id=None)
    assert in_service(warehouse, AGENT) is None


def test_champion_verdict_against_a_model_that_no_longer_serves_is_refused(
    site: dg.DagsterInstance, warehouse: Warehouse, tmp_path: Path
) -> None:
    judged(warehouse, DAYS[0], promote=True, against=None)
    judged(warehouse, DAYS[1], promote=True, against=None)
    materialize(site, tmp_path, DAYS[0])
    late = materialize(site, tmp_path, DAYS[1])
    assert late.metadata["promoted"].value is False
    assert "came into service after the report was written" in str(late.metadata["why"].value)


def test_rollback_prints_both_models_moves_the_pointer_and_leaves_an_event(
    site: dg.DagsterInstance, warehouse: Warehouse, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    first = judged(warehouse, DAYS[0], promote=True, against=None)
    digest = first.manifest.content_digest
    materialize(site, tmp_path, DAYS[0])
    second = judged(warehouse, DAYS[1], promote=True, against=digest)
    materialize(site, tmp_path, DAYS[1])
    assert run(["rollback", AGENT]) == 0
    printed = capsys.readouterr().out
    assert f"before  {DAYS[1]} {second.manifest.content_digest[:16]}" in printed
    assert f"after   {DAYS[0]} {digest[:16]}" in printed
    assert observations(site)[-1] == ("rollback", digest)


def test_rollback_with_nothing_to_go_back_to_is_one_line_and_no_event(
    site: dg.DagsterInstance, warehouse: Warehouse, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["rollback", AGENT]) == 1
    printed = capsys.readouterr().err
    assert printed.startswith("toolft: desk: no model was ever in service")
    assert printed.count("\n") == 1
    assert observations(site) == []


def test_rollback_makes_the_next_night_judge_the_model_again_and_refuse_it(
    site: dg.DagsterInstance, warehouse: Warehouse, tmp_path: Path
) -> None:
    """The report that promoted it must not be reused: the withdrawal enters its fingerprint."""
    first = judged(warehouse, DAYS[0], promote=True, against=None)
    materialize(site, tmp_path, DAYS[0])
    second = judged(warehouse, DAYS[1], promote=True, against=first.manifest.content_digest)
    materialize(site, tmp_path, DAYS[1])
    scope = SourceContext(settings=settings(tmp_path), partition=DAYS[1], warehouse=warehouse)
    before = eval_report.STAGE.sources(scope)
    run(["rollback", AGENT])
    after = eval_report.STAGE.sources(scope)
    assert after == before | {"withdrawn": second.manifest.content_digest}
    run(["rollback", AGENT, "--to", DAYS[1]])
    assert eval_report.STAGE.sources(scope) == before
