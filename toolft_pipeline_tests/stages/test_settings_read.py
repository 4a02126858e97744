"""What each stage's build reads of the settings against what its declaration says: a recorder stands in between.

A setting that is read and not declared leaves a version in force that the settings no longer describe.
"""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass, replace

import pytest

from toolft_pipeline.agent_file import load_agent
from toolft_pipeline.evaluation.report.report import METRICS_FILE
from toolft_pipeline.settings import AgentSettings
from toolft_pipeline.stages.spec.stage import Group, Scope, Stage, Work, run_stage
from toolft_pipeline.stages.stages import STAGES
from toolft_pipeline.warehouse.manifest import ArtifactKey
from toolft_pipeline.warehouse.store import BuildOutput, Version, Warehouse
from toolft_pipeline_tests.conftest import REPOSITORY
from toolft_pipeline_tests.settings_recorder import recorded_settings

DAY = "2026-10-01"
SMALL = {
    "sandbox.sessions": "1",
    "training.epochs": "1",
    "training.token_budget": "600",
    "training.packed_length": "256",
    "evaluation.max_tasks": "1",
    "evaluation.compare": '["base"]',
    "evaluation.max_new_tokens": "2",
    "evaluation.max_turns": "1",
    "evaluation.probes": "false",
    "gate.min_tasks": "1",
    "gate.shadow.runs": "1",
}
PLACEMENT = {
    "AgentSettings.name",
    "AgentSettings.folder",
    "SandboxSettings.sessions",
    "SandboxSettings.start_timeout_s",
    "SandboxSettings.call_timeout_s",
    "SandboxSettings.trajectory_timeout_s",
    "TrainingSettings.save_steps",
    "TrainingSettings.compute_type",
    "TrainingSettings.max_hours",
    "EvaluationSettings.batch_size",
    "EvaluationSettings.tasks",
    "LogSettings.folder",
    "LogSettings.golden",
    "CatalogSettings.file",
    "CatalogSettings.renames",
    "BaseModelSettings.folder",
}
"""Settings that decide where and how fast something is made; files enter fingerprints by their digests."""
WORDS_ON_THE_CARD = {"AgentSettings.description"}
"""A new description of the agent is no reason to merge and judge a model again; the next model has it."""
NOT_MET = {
    "CatalogSettings.module",
    "BaseModelSettings.revision",
    "ChatSettings.images",
    "ChatSettings.long_rows",
    "VerificationSettings.accept_unknown_outcome",
    "VerificationSettings.allow_consecutive_system_turns",
    "VerificationSettings.allow_consecutive_user_turns",
    "VerificationSettings.allow_dangling_call",
    "VerificationSettings.allow_final_call",
    "VerificationSettings.allow_system_turns_midway",
    "VerificationSettings.allow_user_turn_after_result",
    "GroundingSettings.dates",
    "VerificationSettings.allow_unoffered_tools",
    "VerificationSettings.max_error_share",
    "VerificationSettings.require_replay",
}
"""Settings that a build asks only where something happens that this day of logs does not hold."""


@dataclass(frozen=True)
class Readings:
    """Settings by `Section.field`: what a declaration names, and what the build read."""

    declared: frozenset[str]
    built: frozenset[str]


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
    built: set[str] = set()

    def build(work: Work) -> BuildOutput:
        with recorded_settings() as read:
            made = stage.build(work)
        built.update(read)
        return made

    partition = DAY if stage.partitioned else None
    with recorded_settings() as declared:
        stage.reads(settings)
        stage.sources(Scope(settings=settings, partition=partition, warehouse=warehouse))
    quiet = replace(stage, build=build)
    run_stage(quiet, settings, partition, warehouse, progress=lambda _line: None, run_id=None)
    return Readings(declared=frozenset(declared), built=frozenset(built))


@pytest.mark.parametrize("asset", [stage.asset for stage in STAGES])
def test_stage_declares_every_setting_that_its_build_reads(site: Site, asset: str) -> None:
    found = site.readings[asset]
    assert not (undeclared := found.built - found.declared - PLACEMENT - WORDS_ON_THE_CARD), " ".join(
        sorted(undeclared)
    )


@pytest.mark.parametrize("asset", [stage.asset for stage in STAGES if stage.group is not Group.MODEL])
def test_stage_declares_no_setting_that_its_build_leaves_unread(site: Site, asset: str) -> None:
    found = site.readings[asset]
    assert not (unread := found.declared - found.built - PLACEMENT - NOT_MET), " ".join(sorted(unread))


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
