"""Runs with pictures through the data stages as versions: blobs in every manifest, handles in the tables, reuse."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from toolft_pipeline.ingest.images.image_store import image_hashes
from toolft_pipeline.settings import AgentSettings
from toolft_pipeline.stages import (
    base_model,
    chat_rows,
    raw_trajectories,
    token_tensors,
    tool_catalog,
    verified_trajectories,
)
from toolft_pipeline.stages.spec.run_stage import run_stage
from toolft_pipeline.verification.rules.verdict import read_verdicts
from toolft_pipeline.warehouse.store import Version, Warehouse, damaged_files
from toolft_pipeline_tests.agents import agent
from toolft_pipeline_tests.pictures import chart, data_uri
from toolft_pipeline_tests.tiny_gemma4 import make_tiny_gemma4

DAY = "2026-10-01"
STAGES = (tool_catalog, base_model, raw_trajectories, verified_trajectories, chat_rows, token_tensors)
TOOL = {
    "name": "chart",
    "description": "Draws.",
    "inputSchema": {"type": "object", "properties": {"of": {"type": "string"}}},
}
CHARTS = [chart(number, 9 - number) for number in range(5)]
HASHES = [hashlib.sha256(data).hexdigest() for data in CHARTS]


def row(number: int, *, answer: str = "It peaks at 4711 for ada@lovelace.dev.", **fields: Any) -> str:
    call = {"id": "c1", "type": "function", "function": {"name": "chart", "arguments": '{"of": "sales"}'}}
    image = {"type": "image_url", "image_url": {"url": data_uri(CHARTS[number])}}
    messages = [
        {"role": "user", "content": "Draw sales for ada@lovelace.dev."},
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "c1", "content": [{"type": "text", "text": "Sales:"}, image]},
        {"role": "assistant", "content": answer},
    ]
    return json.dumps({"id": f"run-{number}", "outcome": {"status": "success"}, "messages": messages, **fields})


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> AgentSettings:
    """Three runs of a day: one verified, one that failed, one golden."""
    folder = tmp_path_factory.mktemp("desk")
    (folder / "logs").mkdir()
    lines = [row(0), row(1, outcome={"status": "failure"}), row(2).replace(data_uri(CHARTS[2]), "https://x.test/2.png")]
    (folder / "logs" / f"{DAY}.jsonl").write_text("\n".join(lines))
    (folder / "golden.jsonl").write_text(row(3))
    (folder / "catalog.json").write_text(json.dumps({"tools": [TOOL]}))
    make_tiny_gemma4(folder / "model")
    return agent(
        folder,
        logs={"golden": "golden.jsonl"},
        chat={"format": "gemma4"},
        verification={"require_replay": False},
    )


def build(settings: AgentSettings, root: Path) -> dict[str, tuple[Version, bool]]:
    return {
        module.STAGE.asset: run_stage(
            module.STAGE,
            settings,
            DAY if module.STAGE.partitioned else None,
            Warehouse(root),
            progress=lambda _line: None,
            run_id=None,
        )
        for module in STAGES
    }


@pytest.fixture(scope="module")
def built(desk: AgentSettings, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Version]:
    return {name: version for name, (version, _) in build(desk, tmp_path_factory.mktemp("warehouse")).items()}


def images(version: Version) -> dict[str, str]:
    """The content files of a version that are images: name and sha256 by its manifest."""
    found = [entry for entry in version.manifest.files if entry.path.startswith("images/")]
    assert all(entry.content for entry in found)
    return {entry.path.removeprefix("images/"): entry.sha256 for entry in found}


def test_images_lie_in_every_version_that_speaks_of_them_and_in_no_other(built: dict[str, Version]) -> None:
    assert images(built["raw_trajectories"]) == {sha256: sha256 for sha256 in HASHES[:2]}
    kept = {sha256: sha256 for sha256 in (HASHES[0], HASHES[3])}  # the logged run that passed, and the golden one
    assert images(built["verified_trajectories"]) == kept
    assert images(built["token_tensors"]) == kept
    assert images(built["chat_rows"]) == {}
    assert not any(damaged_files(version) for version in built.values())


def test_runs_in_are_trajectories_and_rejects(built: dict[str, Version]) -> None:
    manifest = built["raw_trajectories"].manifest
    assert (manifest.rows["runs"], manifest.rows["trajectories"], manifest.rows["rejects"]) == (3, 2, 1)
    assert manifest.headline["reasons"] == {"image_not_in_log": 1}


def test_what_a_picture_may_show_is_believed_and_text_is_redacted(built: dict[str, Version]) -> None:
    folder = built["verified_trajectories"].folder
    verdicts = {verdict.trajectory_id: verdict for verdict in read_verdicts(folder / "verdicts.parquet")}
    assert {name: verdict.accepted for name, verdict in verdicts.items()} == {
        "run-0": True,
        "run-1": False,
        "run-3": True,
    }
    assert verdicts["run-0"].redacted == ["email"]
    assert image_hashes(folder / "accepted.parquet") == {HASHES[0], HASHES[3]}


def test_rows_are_proven_and_counted(desk: AgentSettings, built: dict[str, Version]) -> None:
    tensors = built["token_tensors"]
    assert tensors.manifest.rows["rows"] == 2
    assert token_tensors.proof_report(tensors).green
    (check,) = chat_rows.STAGE.checks
    assert check.evaluate(built["chat_rows"], desk).passed


def test_the_same_logs_are_reused(desk: AgentSettings, built: dict[str, Version]) -> None:
    root = built["raw_trajectories"].folder.parents[4]
    assert all(reused for _, reused in build(desk, root).values())


def test_runs_that_cannot_be_rendered_warn(desk: AgentSettings, built: dict[str, Version], tmp_path: Path) -> None:
    """A base without a processor: the night goes on, the check says why rows are missing."""
    blind = desk.model_copy(update={"folder": tmp_path})
    for name in ("logs", "golden.jsonl", "catalog.json", "model"):
        (tmp_path / name).symlink_to(desk.folder / name)
    (tmp_path / "model").unlink()
    (tmp_path / "model").mkdir()
    for path in (desk.folder / "model").iterdir():
        if path.name != "processor_config.json":
            (tmp_path / "model" / path.name).symlink_to(path)
    made = {name: version for name, (version, _) in build(blind, tmp_path / "warehouse").items()}
    (check,) = chat_rows.STAGE.checks
    outcome = check.evaluate(made["chat_rows"], blind)
    assert not outcome.passed
    assert outcome.detail == {"runs_left_out": 2, "why": "the base model has no processor (processor_config.json)"}
    assert made["token_tensors"].manifest.rows["rows"] == 0
