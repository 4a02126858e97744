"""What each stage reads of settings and warehouse against what its declaration says.

A build that reads an undeclared setting fails by itself (`UndeclaredSettingError`); a recorder finds what is declared
and never read, and what a build or a check reads of the warehouse without declaring it.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from toolft_pipeline.agent_file import load_agent
from toolft_pipeline.evaluation.report.report import METRICS_FILE
from toolft_pipeline.settings import AgentSettings
from toolft_pipeline.settings.section import UndeclaredSettingError
from toolft_pipeline.stages.spec.run_stage import check_outcomes, run_stage
from toolft_pipeline.stages.spec.stage import BuildContext, SourceContext, Stage
from toolft_pipeline.stages.stages import STAGES
from toolft_pipeline.stages.training_set import STAGE as TRAINING_SET
from toolft_pipeline.stages.verified_trajectories import STAGE as VERIFIED
from toolft_pipeline.warehouse.manifest import ArtifactKey
from toolft_pipeline.warehouse.store import BuildOutput, Version, Warehouse
from toolft_pipeline_tests.conftest import REPOSITORY
from toolft_pipeline_tests.settings_recorder import LEAVES, recorded_settings

DAY = "2026-10-01"
SMALL = {
    "sandbox.sessions": "1",
    "training.epochs": "1",
    "training.token_budget": "600",
    "training.packed_length": "256",
    "training.replay_share": "0.1",
    "training.decline_share": "0.1",
    "training.replay_max_tokens": "2",
    "evaluation.max_tasks": "1",
    "evaluation.compare": '["base"]',
    "evaluation.max_new_tokens": "2",
    "evaluation.max_turns": "1",
    "evaluation.max_probes": "6",
    "evaluation.single_requests": "1",
    "gate.min_tasks": "1",
    "gate.shadow.runs": "1",
}
NOT_MET = {
    "catalog.module",
    "base_model.revision",
    "chat.images",
    "chat.long_rows",
    "verification.accept_unknown_outcome",
    "verification.allow_consecutive_system_turns",
    "verification.allow_consecutive_user_turns",
    "verification.allow_dangling_call",
    "verification.allow_final_call",
    "verification.allow_system_turns_midway",
    "verification.allow_user_turn_after_result",
    "verification.grounding.dates",
    "verification.allow_unoffered_tools",
    "verification.max_error_share",
    "verification.require_replay",
}
"""Settings that a build asks only where something happens that this day of logs does not hold."""


NOT_MET_BY_MODELS = {
    *(leaf for leaf in LEAVES if leaf.startswith(("serving.engine.", "serving.fallback.", "managed."))),
    "evaluation.bfcl_irrelevance",
    "evaluation.bfcl_questions",
    "evaluation.endpoints",
    "evaluation.machine_hour_price",
    "gate.shadow.task_success",
    "training.memory_check",
    "training.flash_attention",
    "training.liger_kernels",
}
"""The same of the model's stages: BFCL, endpoints, hosts, prices, engines and safety nets of serving, scarce memory, a
GPU."""

ALWAYS = {"name", "folder"}

NESTED = {"eval_report": {"evaluation", "shadow_evaluation", "bfcl_evaluation", "reference_model", "task_check"}}
"""Artifacts that a stage makes inside its own build."""


@dataclass(frozen=True)
class Readings:
    """What a stage read while it was built and checked: dotted settings, and assets of the warehouse."""

    settings: frozenset[str]
    assets: frozenset[str]


@dataclass(frozen=True)
class Site:
    """One day of the assistant made by every stage, and what each read."""

    settings: AgentSettings
    warehouse: Warehouse
    readings: dict[str, Readings]

    def version(self, asset: str) -> Version:
        found = self.warehouse.current(ArtifactKey(agent=self.settings.name, asset=asset, partition=DAY))
        assert found is not None
        return found


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory, tiny_model_folder: str) -> Site:
    root = tmp_path_factory.mktemp("readings")
    folder = shutil.copytree(REPOSITORY / "data" / "assistant", root / "assistant")
    settings = load_agent(folder / "agent.yaml", overrides=SMALL)
    base = type(settings.base_model)(folder=str(tiny_model_folder))
    warehouse = Warehouse(root / "warehouse")
    settings = settings.model_copy(update={"base_model": base})
    return Site(settings, warehouse, {stage.asset: _readings(stage, settings, warehouse) for stage in STAGES})


def _readings(stage: Stage, settings: AgentSettings, warehouse: Warehouse) -> Readings:
    read: set[str] = set()
    assets: set[str] = set()

    def build(context: BuildContext) -> BuildOutput:
        with recorded_settings() as seen, recorded_assets() as opened:
            made = stage.build(context)
        read.update(seen)
        assets.update(opened)
        return made

    partition = DAY if stage.partitioned else None
    quiet = replace(stage, build=build)
    version, _ = run_stage(quiet, settings, partition, warehouse, progress=lambda _line: None, run_id=None)
    with recorded_settings() as seen, recorded_assets() as opened:
        scope = SourceContext(settings=stage.slice(settings), partition=partition, warehouse=warehouse)
        stage.sources(scope)
        stage.derived(scope.settings)
    read.update(seen)
    assets.update(opened)
    for check, _ in check_outcomes(stage, version, settings):
        assert check
    return Readings(settings=frozenset(read), assets=frozenset(assets))


@contextmanager
def recorded_assets() -> Iterator[set[str]]:
    """Collect the assets whose versions are looked up in a warehouse while this is open."""
    opened: set[str] = set()
    plain = {name: getattr(Warehouse, name) for name in ("current", "versions", "partitions")}

    def noting(name: str) -> Callable[..., Any]:
        def look(warehouse: Warehouse, *where: Any) -> Any:
            opened.add(where[-1] if name == "partitions" else where[0].asset)
            return plain[name](warehouse, *where)

        return look

    for name in plain:
        setattr(Warehouse, name, noting(name))
    try:
        yield opened
    finally:
        for name, method in plain.items():
            setattr(Warehouse, name, method)


def _leaves(keys: Iterable[str]) -> set[str]:
    """The dotted keys of single settings below some keys."""
    return {leaf for leaf in LEAVES if any(f"{leaf}.".startswith(f"{key}.") for key in keys)}


@pytest.mark.parametrize("asset", [stage.asset for stage in STAGES])
def test_stage_reads_no_setting_that_it_does_not_declare(site: Site, asset: str) -> None:
    stage = next(each for each in STAGES if each.asset == asset)
    assert site.readings[asset].settings <= _leaves((*stage.settings, *stage.placement)) | ALWAYS


@pytest.mark.parametrize("asset", [stage.asset for stage in STAGES])
def test_stage_declares_no_setting_that_it_never_reads(site: Site, asset: str) -> None:
    stage = next(each for each in STAGES if each.asset == asset)
    not_met = (
        NOT_MET | NOT_MET_BY_MODELS | (_leaves(["sandbox"]) if asset == "tool_catalog" else set())
    )  # no MCP catalog
    assert _leaves((*stage.settings, *stage.placement)) - site.readings[asset].settings - not_met == set()


@pytest.mark.parametrize("asset", [stage.asset for stage in STAGES])
def test_stage_reads_no_asset_that_is_not_its_declared_input(site: Site, asset: str) -> None:
    stage = next(each for each in STAGES if each.asset == asset)
    assert site.readings[asset].assets <= {asset, *stage.inputs, *stage.observes, *NESTED.get(asset, ())}


def test_undeclared_setting_stops_the_build(site: Site, tmp_path: Path) -> None:
    def build(context: BuildContext) -> BuildOutput:
        return BuildOutput(content=(), rows={"parse_rate": int(context.settings.gate.parse_rate)}, headline={})

    stage = replace(TRAINING_SET, build=build)
    with pytest.raises(UndeclaredSettingError, match=r"AgentSettings\.gate is read.*does not declare it"):
        run_stage(stage, site.settings, DAY, site.warehouse, progress=lambda _line: None, run_id=None, force=True)


def test_undeclared_setting_stops_a_check(site: Site) -> None:
    check = replace(VERIFIED.checks[0], settings=())
    with pytest.raises(UndeclaredSettingError, match=r"AgentSettings\.verification is read"):
        list(check_outcomes(replace(VERIFIED, checks=(check,)), site.version("verified_trajectories"), site.settings))


def test_saving_has_one_figure_in_readiness_rows_and_report(site: Site) -> None:
    report = json.loads(site.version("eval_report").file(METRICS_FILE).read_text())
    figures = {
        site.version("readiness_report").manifest.headline["saving_tokens_per_turn"],
        site.version("readiness_report").manifest.headline["catalog_tokens_per_turn"],
        site.version("chat_rows").manifest.headline["catalog_tokens_saved_per_turn"],
        report["catalog_tokens_saved_per_turn"],
    }
    assert len(figures) == 1
    assert figures.pop() > 100
