"""Runs with images from accepted rows to token tensors: proven, cut, traced, or left out and counted."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from toolft_pipeline.chat.chat_rows import read_chat_rows
from toolft_pipeline.chat.formats.chat_format import ChatFormatError
from toolft_pipeline.chat.rendering.serving import saved_tokenizer
from toolft_pipeline.chat.row_images import row_images
from toolft_pipeline.chat.token_tensors import TENSOR_SCHEMA
from toolft_pipeline.chat.token_trace import RowTracer, stored_rows
from toolft_pipeline.settings import AgentSettings, CatalogMode
from toolft_pipeline_tests.chat.conversations import SHAPES, assistant, trajectory, user
from toolft_pipeline_tests.chat.pictured import (
    ONE,
    PICTURED,
    PICTURES,
    THREE,
    TWO,
    encoded,
    failures,
    picture,
    rendered,
    said,
    shown,
)
from toolft_pipeline_tests.chat.tokenizers_of_families import tokenizer_folder

Agent = Callable[..., AgentSettings]


@pytest.mark.parametrize("mode", CatalogMode)
def test_image_runs_are_rendered_and_proven(mode: CatalogMode, tmp_path: Path, agent: Agent, base: Path) -> None:
    settings = agent(format="gemma4", catalog_mode=mode)
    assert rendered(tmp_path, settings, base, *PICTURED, *SHAPES).images_not_rendered == 0
    summary, rows = encoded(tmp_path, settings, base)
    assert failures(summary) == {}
    assert summary.proofs.green
    images = {row["row_id"]: row["image_sha256"] for row in rows}
    assert images["one_chart#0"] == [ONE]
    assert images["parallel_charts#0"] == [ONE, TWO, THREE]
    assert images["shown_by_the_user#0"] == [TWO, ONE, THREE]
    assert images["spells_images#0"] == [ONE, TWO]
    assert {tuple(found) for name, found in images.items() if name.split("#")[0] not in NAMED} == {()}
    assert {path.name: path.read_bytes() for path in (tmp_path / "tensors" / "images").iterdir()} == PICTURES


NAMED = {run.trajectory_id for run in PICTURED[:4]}


def test_cut_row_keeps_the_images_of_its_history(tmp_path: Path, agent: Agent, base: Path) -> None:
    long = trajectory(
        "long",
        user("Read all."),
        *(
            message
            for sha256 in (ONE, TWO, THREE)
            for message in (assistant("", ("read", {"page": sha256[:3]})), shown(picture(sha256), said("text " * 9)))
        ),
        assistant("Read."),
    )
    settings = agent(format="gemma4", max_length=300, long_rows="split")
    rendered(tmp_path, settings, base, long)
    summary, rows = encoded(tmp_path, settings, base)
    assert failures(summary) == {}
    assert (summary.too_long, summary.lost_turns) == (1, 0)
    assert len(rows) > 1
    assert max(row["n_tokens"] for row in rows) <= 300
    assert [row["image_sha256"] for row in rows][-1][-1] == THREE
    assert all(len(row["image_sha256"]) < 3 for row in rows)


@pytest.mark.parametrize(
    ("format_name", "sighted", "why"),
    [("gemma3", True, "chat format gemma3 renders no images"), ("gemma4", False, "the base model has no processor")],
)
def test_unrenderable_image_run_has_no_row_and_is_counted(
    format_name: str, sighted: bool, why: str, tmp_path: Path, agent: Agent, base: Path
) -> None:
    summary = rendered(tmp_path, agent(format=format_name), base if sighted else tmp_path, *PICTURED)
    assert (summary.images_not_rendered, summary.rows) == (4, 1)
    assert (summary.why_no_images or "").startswith(why)
    assert [row.row_id for row in read_chat_rows(tmp_path / "rows.parquet")] == ["no_picture#0"]


def test_image_runs_without_rows_keep_the_proofs_green(
    tmp_path: Path, agent: Agent, tmp_path_factory: pytest.TempPathFactory
) -> None:
    settings, blind = agent(format="chatml"), tokenizer_folder("chatml", scratch=tmp_path_factory.mktemp("blind"))
    rendered(tmp_path, settings, blind, *PICTURED)
    summary, rows = encoded(tmp_path, settings, blind)
    assert summary.proofs.green
    assert [row["row_id"] for row in rows] == ["no_picture#0"]
    assert pq.read_schema(tmp_path / "tensors" / "tensors.parquet").equals(TENSOR_SCHEMA)
    assert not (tmp_path / "tensors" / "images").exists()


def test_image_run_is_refused_where_images_must_be_rendered(tmp_path: Path, agent: Agent, base: Path) -> None:
    refused = r"^run one_chart \(2026-10-01.jsonl:1\) shows images, and chat format gemma3 renders no images; choose"
    with pytest.raises(ChatFormatError, match=refused):
        rendered(tmp_path, agent(images="refuse"), base, *PICTURED)


def test_trace_of_an_image_run_is_as_served(tmp_path: Path, agent: Agent, base: Path) -> None:
    settings = agent(format="gemma4")
    rendered(tmp_path, settings, base, *PICTURED)
    encoded(tmp_path, settings, base)
    tokenizer = saved_tokenizer(str(base.resolve()), "gemma4", CatalogMode.NONE)
    images = row_images(accepted=tmp_path / "accepted.parquet", base=base, tokenizer=tokenizer, format_name="gemma4")
    tracer = RowTracer(tokenizer=tokenizer, chat=settings.chat, tools=[], pasted={}, images=images.tokens)
    tensors = tmp_path / "tensors" / "tensors.parquet"
    for run in PICTURED:
        rows = [row for row in read_chat_rows(tmp_path / "rows.parquet") if row.trajectory_id == run.trajectory_id]
        stored = stored_rows(tensors, trajectory_id=run.trajectory_id)
        for traced in tracer.trace(run, rows, stored=stored):
            assert traced.note is None
            assert all(span.as_served for span in traced.spans if span.trained)
