"""Plans and runs go by fingerprints: reuse, early cutoff, reasons."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from toolft_pipeline.agent_file import load_agent
from toolft_pipeline.settings import AgentSettings, CatalogSettings
from toolft_pipeline.stages.planning.plan import Action, make_plan
from toolft_pipeline.stages.spec.inputs import window
from toolft_pipeline.stages.spec.run_stage import run_stage
from toolft_pipeline.stages.spec.stage import BuildContext, Group, PartitionScope, Stage, StageError
from toolft_pipeline.warehouse.digest import file_digest
from toolft_pipeline.warehouse.gc import reclaim_content
from toolft_pipeline.warehouse.store import BuildOutput, Version, Warehouse
from toolft_pipeline.warehouse.verify_digests import find_damage

DAYS = ["2026-10-01", "2026-10-02"]


@pytest.fixture
def settings(tmp_path: Path) -> AgentSettings:
    folder = tmp_path / "desk"
    (folder / "logs").mkdir(parents=True)
    (folder / "agent.yaml").write_text(
        'first_day: "2026-10-01"\ncatalog: {file: c.json}\nbase_model: {folder: m}\nwindow_days: 2\n'
    )
    for day in DAYS:
        (folder / "logs" / f"{day}.jsonl").write_text(f"{day}\n")
    return load_agent(folder / "agent.yaml")


def _logged(scope: object) -> dict[str, str]:
    path = scope.settings.path("logs") / f"{scope.partition}.jsonl"  # type: ignore[attr-defined]
    return {path.name: file_digest(path)}


def _lower(context: BuildContext) -> BuildOutput:
    text = (context.settings.path("logs") / f"{context.day}.jsonl").read_text()
    (context.out / "rows.txt").write_text(text.lower())
    return BuildOutput(content=("rows.txt",), rows={"rows": 1}, headline={})


def _join(context: BuildContext) -> BuildOutput:
    texts = [version.file("rows.txt").read_text() for version in context.inputs["rows"].values()]
    (context.out / "all.txt").write_text("".join(texts))
    return BuildOutput(content=("all.txt",), rows={"rows": len(texts)}, headline={})


ROWS = Stage(
    asset="rows",
    description="",
    group=Group.DATA,
    kinds=(),
    code_version="1",
    inputs={},
    settings=("curation.seed",),
    sources=_logged,
    build=_lower,
)
JOINED = Stage(
    asset="joined",
    description="",
    group=Group.MODEL,
    kinds=(),
    code_version="1",
    inputs={"rows": PartitionScope.WINDOW},
    build=_join,
)
STAGES = (ROWS, JOINED)


def _shelf(context: BuildContext) -> BuildOutput:
    (context.out / "shelf.txt").write_text(context.settings.path("shelf.txt").read_text())
    return BuildOutput(content=("shelf.txt",), rows={}, headline={})


def _stocked(context: BuildContext) -> BuildOutput:
    (context.out / "read.txt").write_text(context.input("shelf").file("shelf.txt").read_text())
    return BuildOutput(content=("read.txt",), rows={}, headline={})


SHELF = Stage(
    asset="shelf",
    description="",
    group=Group.SOURCES,
    kinds=(),
    code_version="1",
    inputs={},
    sources=lambda scope: {"shelf": file_digest(scope.settings.path("shelf.txt"))},
    build=_shelf,
    partitioned=False,
)
EARLY = Stage(
    asset="early",
    description="",
    group=Group.DATA,
    kinds=(),
    code_version="1",
    inputs={"shelf": PartitionScope.WHOLE},
    build=_stocked,
)
LATE = Stage(
    asset="late",
    description="",
    group=Group.DATA,
    kinds=(),
    code_version="1",
    inputs={"early": PartitionScope.SAME, "shelf": PartitionScope.WHOLE},
    build=_stocked,
)


def run(settings: AgentSettings, warehouse: Warehouse) -> dict[tuple[str, str], bool]:
    reused = {}
    for stage, days in ((ROWS, DAYS), (JOINED, DAYS[-1:])):
        for day in days:
            _, again = run_stage(stage, settings, day, warehouse, progress=lambda _line: None, run_id=None)
            reused[stage.asset, day] = again
    return reused


def test_run_stage_nothing_changed_reuses_every_version(settings: AgentSettings, tmp_path: Path) -> None:
    warehouse = Warehouse(tmp_path / "warehouse")
    assert not any(run(settings, warehouse).values())
    assert all(run(settings, warehouse).values())


def test_run_stage_input_changed_but_content_equal_is_cut_off(settings: AgentSettings, tmp_path: Path) -> None:
    warehouse = Warehouse(tmp_path / "warehouse")
    run(settings, warehouse)
    (settings.path("logs") / "2026-10-02.jsonl").write_text("ABC\n")
    assert run(settings, warehouse) == {
        ("rows", "2026-10-01"): True,
        ("rows", "2026-10-02"): False,
        ("joined", "2026-10-02"): False,
    }
    (settings.path("logs") / "2026-10-02.jsonl").write_text("abc\n")
    assert run(settings, warehouse) == {
        ("rows", "2026-10-01"): True,
        ("rows", "2026-10-02"): False,
        ("joined", "2026-10-02"): True,
    }


def test_run_stage_irrelevant_setting_changed_reuses(settings: AgentSettings, tmp_path: Path) -> None:
    warehouse = Warehouse(tmp_path / "warehouse")
    run(settings, warehouse)
    other = settings.model_copy(update={"catalog": CatalogSettings(file="other.json")})
    assert all(run(other, warehouse).values())


def test_make_plan_tells_why_and_what_is_unknown_yet(settings: AgentSettings, tmp_path: Path) -> None:
    warehouse = Warehouse(tmp_path / "warehouse")
    fresh = make_plan(STAGES, settings, warehouse, days=DAYS, force=False)
    assert [(step.stage.asset, step.action) for step in fresh] == [
        ("rows", Action.BUILD),
        ("rows", Action.BUILD),
        ("joined", Action.UNKNOWN),
    ]
    run(settings, warehouse)
    assert {step.action for step in make_plan(STAGES, settings, warehouse, days=DAYS, force=False)} == {Action.REUSE}
    (settings.path("logs") / "2026-10-02.jsonl").write_text("new\n")
    plan = make_plan(STAGES, settings, warehouse, days=DAYS, force=False)
    assert [(step.action, step.reason) for step in plan] == [
        (Action.REUSE, "nothing that it reads has changed"),
        (Action.BUILD, "changed: input file:2026-10-02.jsonl"),
        (Action.UNKNOWN, "after rows"),
    ]


def _in_a_folder(context: BuildContext) -> BuildOutput:
    (context.out / "model").mkdir()
    (context.out / "model" / "weights").write_text("weights")
    return BuildOutput(content=("model",), rows={}, headline={})


def test_run_stage_content_that_was_reclaimed_is_planned_with_its_reason_and_made_again(
    settings: AgentSettings, tmp_path: Path
) -> None:
    warehouse, stage = Warehouse(tmp_path / "warehouse"), replace(ROWS, build=_in_a_folder)

    def made() -> tuple[Version, bool]:
        return run_stage(stage, settings, DAYS[0], warehouse, progress=lambda _line: None, run_id=None)

    version, _ = made()
    reclaim_content(warehouse, version)
    (step,) = make_plan((stage,), settings, warehouse, days=DAYS[:1], force=False)
    assert (step.action, step.reason) == (Action.BUILD, "retention deleted its content")
    again, reused = made()
    assert (again.folder, reused) == (version.folder, False)
    assert again.file("model/weights").read_text() == "weights"
    assert find_damage(warehouse, again) == []
    assert made()[1]


def test_run_stage_missing_input_names_what_to_materialize(settings: AgentSettings, tmp_path: Path) -> None:
    with pytest.raises(StageError, match=r"desk/joined: rows has no version in the window that ends on 2026-10-02"):
        run_stage(JOINED, settings, DAYS[-1], Warehouse(tmp_path / "w"), progress=lambda _line: None, run_id=None)


def test_window_starts_at_the_first_day(settings: AgentSettings) -> None:
    assert window(settings, "2026-10-01") == ["2026-10-01"]
    assert window(settings, "2026-10-05") == ["2026-10-04", "2026-10-05"]


def made(stage: Stage, settings: AgentSettings, warehouse: Warehouse) -> Version:
    version, _ = run_stage(stage, settings, DAYS[0], warehouse, progress=lambda _line: None, run_id=None)
    return version


def test_run_stage_reads_an_input_as_its_other_inputs_read_it(settings: AgentSettings, tmp_path: Path) -> None:
    warehouse = Warehouse(tmp_path / "warehouse")
    settings.path("shelf.txt").write_text("old")
    made(SHELF, settings, warehouse)
    early = made(EARLY, settings, warehouse)
    settings.path("shelf.txt").write_text("new")
    made(SHELF, settings, warehouse)
    assert made(LATE, settings, warehouse).file("read.txt").read_text() == early.file("read.txt").read_text() == "old"
    assert made(EARLY, settings, warehouse).file("read.txt").read_text() == "new"
    assert made(LATE, settings, warehouse).file("read.txt").read_text() == "new"


def test_run_stage_whose_input_was_made_from_what_is_gone_names_what_to_make_again(
    settings: AgentSettings, tmp_path: Path
) -> None:
    warehouse = Warehouse(tmp_path / "warehouse")
    settings.path("shelf.txt").write_text("old")
    old = made(SHELF, settings, warehouse)
    made(EARLY, settings, warehouse)
    settings.path("shelf.txt").write_text("new")
    made(SHELF, settings, warehouse)
    shutil.rmtree(old.folder)
    with pytest.raises(StageError, match=r"desk/late: the shelf that .* is gone; materialize early again first"):
        made(LATE, settings, warehouse)
