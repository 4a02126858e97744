"""replay_rows: nothing is asked where no share is; an edited list of questions rebuilds it and what is after it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from toolft_pipeline.agent_file import load_agent
from toolft_pipeline.settings import AgentSettings
from toolft_pipeline.stages import base_model, replay_rows, tool_catalog
from toolft_pipeline.stages.spec.run_stage import check_outcomes, recipe_for, run_stage
from toolft_pipeline.stages.spec.stage import SourceContext
from toolft_pipeline.stages.stages import STAGES, with_downstream
from toolft_pipeline.warehouse.store import Version, Warehouse

QUESTIONS = [
    {"id": "oslo", "kind": "fact", "user": "Where is Oslo?"},
    {"id": "six", "kind": "arithmetic", "user": "Add 2 and 4."},
    {"id": "roof", "kind": "wish", "user": "Fix my roof.", "tool_words": ["roof"]},
]


def settings_of(folder: Path, base: Path, questions: list[dict[str, Any]], **training: str) -> AgentSettings:
    (folder / "questions.jsonl").write_text("".join(json.dumps(each) + "\n" for each in questions))
    overrides = {f"training.{key}": value for key, value in training.items()}
    settings = load_agent(folder / "agent.yaml", overrides={"training.replay_prompts": "questions.jsonl", **overrides})
    return settings.model_copy(update={"base_model": type(settings.base_model)(folder=str(base))})


def made(settings: AgentSettings, warehouse: Warehouse) -> tuple[Version, bool, list[str]]:
    """The version of replay_rows, whether it was reused, and what its build said."""
    said: list[str] = []
    for stage in (tool_catalog.STAGE, base_model.STAGE):
        run_stage(stage, settings, None, warehouse, progress=lambda _line: None, run_id=None)
    version, reused = run_stage(replay_rows.STAGE, settings, "2026-10-01", warehouse, progress=said.append, run_id=None)
    return version, reused, said


def test_without_a_share_no_model_is_loaded_and_every_check_passes(
    assistant_folder: Path, tiny_model_folder: Path, tmp_path: Path
) -> None:
    settings = settings_of(assistant_folder, tiny_model_folder, QUESTIONS)
    version, _, said = made(settings, Warehouse(tmp_path))
    assert said == ["not asked for: training.replay_share and training.decline_share are 0"]
    assert version.manifest.rows == {"rows": 0, "asked": 0}
    assert not version.manifest.inputs
    assert all(outcome.passed for _, outcome in check_outcomes(replay_rows.STAGE, version, settings))


def test_rows_are_made_once_whatever_the_share_and_the_day(
    assistant_folder: Path, tiny_model_folder: Path, tmp_path: Path
) -> None:
    warehouse = Warehouse(tmp_path)
    some = {"decline_share": "0.1", "replay_max_tokens": "3"}
    first, _, said = made(
        settings_of(assistant_folder, tiny_model_folder, QUESTIONS, replay_share="0.1", **some), warehouse
    )
    assert any("asking the base model 4 questions" in line for line in said)
    assert first.manifest.rows["asked"] == 4
    assert set(first.manifest.inputs) >= {"base_model/all", "tool_catalog/all", "file:questions.jsonl"}
    same, reused, _ = made(
        settings_of(assistant_folder, tiny_model_folder, QUESTIONS, replay_share="0.3", **some), warehouse
    )
    assert reused
    assert same.folder == first.folder
    edited = [*QUESTIONS[:1], QUESTIONS[1] | {"user": "Add 2 and 5."}, *QUESTIONS[2:]]
    other, reused, _ = made(
        settings_of(assistant_folder, tiny_model_folder, edited, replay_share="0.1", **some), warehouse
    )
    assert not reused
    assert other.manifest.fingerprint != first.manifest.fingerprint


@pytest.mark.parametrize("share", ["replay_share", "decline_share"])
def test_edited_questions_change_this_stage_and_what_is_after_it(
    share: str, assistant_folder: Path, tiny_model_folder: Path, tmp_path: Path
) -> None:
    def identities(questions: list[dict[str, Any]]) -> dict[str, str]:
        settings = settings_of(assistant_folder, tiny_model_folder, questions, **{share: "0.1"})
        warehouse = Warehouse(tmp_path)
        return {stage.asset: recipe_for(stage, settings, "2026-10-01", {}, warehouse).fingerprint for stage in STAGES}

    before = identities(QUESTIONS)
    after = identities([*QUESTIONS, {"id": "new", "kind": "fact", "user": "Where is Lima?"}])
    assert {asset for asset in before if before[asset] != after[asset]} == {"replay_rows"}
    assert [stage.asset for stage in with_downstream("replay_rows")] == [
        "replay_rows",
        "qlora_adapter",
        "merged_model",
        "eval_report",
        "champion",
    ]


def test_edited_package_questions_are_a_source(assistant_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = load_agent(assistant_folder / "agent.yaml", overrides={"training.replay_share": "0.1"})
    scope = SourceContext(
        settings=replay_rows.STAGE.slice(settings), partition=None, warehouse=Warehouse(assistant_folder)
    )
    before = replay_rows.STAGE.sources(scope)
    assert set(before) == {"questions"}
    shorter = replay_rows.load_questions()[1:]
    monkeypatch.setattr(replay_rows, "load_questions", lambda: shorter)
    assert replay_rows.STAGE.sources(scope) != before
