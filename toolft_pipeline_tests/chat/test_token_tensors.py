"""The stage that writes ids and labels, its counts, and its report when a proof fails."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from toolft_pipeline.chat.chat_rows import ChatRowsError
from toolft_pipeline.chat.render_day import write_chat_rows
from toolft_pipeline.chat.rendering.tokens import NO_LOSS, RowEncoder, TokenRow
from toolft_pipeline.chat.token_tensors import TENSOR_SCHEMA, TokenSummary, write_token_tensors
from toolft_pipeline.settings import AgentSettings
from toolft_pipeline.trajectories.accepted_table import write_accepted_rows
from toolft_pipeline.trajectories.record import Trajectory
from toolft_pipeline_tests.chat.conversations import CATALOG, SHAPES, assistant, system, tool, trajectory, user
from toolft_pipeline_tests.chat.test_render_day import PASTED, inputs
from toolft_pipeline_tests.conversations import accepted

Agent = Callable[..., AgentSettings]
Write = Callable[..., TokenSummary]


@pytest.fixture
def write(tmp_path: Path, gemma_tokenizer_folder: Path) -> Write:
    """Both chat stages over some trajectories, into `tmp_path`."""

    def run(settings: AgentSettings, *trajectories: Trajectory) -> TokenSummary:
        paths = inputs(tmp_path, *trajectories)
        write_chat_rows(**paths, chat=settings.chat, out=tmp_path)
        return tensors(settings)

    def tensors(settings: AgentSettings) -> TokenSummary:
        return write_token_tensors(
            rows=tmp_path / "rows.parquet",
            accepted=tmp_path / "accepted.parquet",
            tokenizer=gemma_tokenizer_folder,
            chat=settings.chat,
            out=tmp_path,
            progress=lambda line: None,
        )

    return run


def _rows(tmp_path: Path) -> list[dict[str, Any]]:
    table = pq.read_table(tmp_path / "tensors.parquet")
    assert table.schema.equals(TENSOR_SCHEMA)
    rows: list[dict[str, Any]] = table.to_pylist()
    return rows


@pytest.mark.parametrize("chat", [{}, {"system_prompt": "strip"}, {"system_prompt": "replace: Be brief."}])
def test_write_token_tensors_every_shape_is_written_and_proven(
    chat: dict[str, Any], tmp_path: Path, agent: Agent, write: Write
) -> None:
    summary = write(agent(**chat), *SHAPES)
    rows = _rows(tmp_path)
    assert summary.proofs.green
    assert [row["trajectory_id"] for row in rows] == [shape.trajectory_id for shape in SHAPES]
    assert (summary.rows, summary.tokens) == (len(rows), sum(row["n_tokens"] for row in rows))
    assert summary.loss_tokens == sum(label != NO_LOSS for row in rows for label in row["labels"])
    proofs = json.loads((tmp_path / "proofs.json").read_text())
    assert {name: proof["rows_checked"] for name, proof in proofs["results"].items()} == dict.fromkeys(
        ("loss_mask", "serving_prompt", "parser", "control_tokens"), len(SHAPES)
    )


@pytest.mark.parametrize("mode", ["names", "full"])
def test_write_token_tensors_catalog_in_the_prompt_is_proven_too(mode: str, agent: Agent, write: Write) -> None:
    summary = write(agent(catalog_mode=mode), *SHAPES)
    assert summary.proofs.green, summary.proofs
    assert summary.rows == len(SHAPES)


def test_write_token_tensors_strip_tools_is_proven(agent: Agent, write: Write) -> None:
    pasted = trajectory("pasted", system(PASTED), user("Hi"), assistant("Hello!"))
    bare = trajectory("bare", system(json.dumps(CATALOG["tools"])), user("Hi"), assistant("Hello!"))
    summary = write(agent(system_prompt="strip_tools"), pasted, *SHAPES, bare)
    assert summary.proofs.green, summary.proofs
    assert summary.rows == len(SHAPES) + 2


def test_write_token_tensors_undeclared_removal_turns_proofs_red(
    agent: Agent, write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    pasted = trajectory("pasted", system(PASTED), user("Hi"), assistant("Hello!"))
    monkeypatch.setattr("toolft_pipeline.chat.token_tensors.read_pasted", lambda _rows: {})
    summary = write(agent(system_prompt="strip_tools"), pasted)
    assert summary.proofs.results["serving_prompt"].n_failures == 1


def test_too_long_rows_are_left_out_and_counted(tmp_path: Path, agent: Agent, write: Write) -> None:
    long = trajectory("long", user("x " * 300), assistant("Long."))
    summary = write(agent(max_length=200), SHAPES[0], long)
    assert [row["trajectory_id"] for row in _rows(tmp_path)] == ["no_tool"]
    assert (summary.rows, summary.too_long, summary.too_long_loss_tokens) == (1, 1, 3)
    assert summary.proofs.green


def test_write_token_tensors_irreversible_turn_is_left_out(agent: Agent, write: Write) -> None:
    bordered = trajectory("bordered", user("a\u2581b"), assistant("", ("f", {"a": "x\u2581y"})), tool("\u2581"))
    summary = write(agent(), SHAPES[0], bordered)
    assert (summary.rows, summary.not_reversible) == (1, 1)
    assert summary.proofs.green


def test_word_border_in_a_question_is_no_failure(agent: Agent, write: Write) -> None:
    summary = write(agent(), trajectory("bordered", user("a\u2581b"), assistant("ok")))
    assert summary.proofs.green
    assert summary.rows == 1


def test_write_token_tensors_same_input_gives_the_same_bytes(tmp_path: Path, agent: Agent, write: Write) -> None:
    made = []
    for _ in range(2):
        write(agent(), *SHAPES)
        made.append([(tmp_path / name).read_bytes() for name in ("tensors.parquet", "proofs.json")])
    assert made[0] == made[1]


def test_broken_mask_is_reported_and_not_raised(
    tmp_path: Path, agent: Agent, write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    encode_row = RowEncoder.encode_row

    def everything(self: RowEncoder, segments: Any) -> TokenRow:
        ids = encode_row(self, segments).input_ids
        return TokenRow(input_ids=ids, labels=ids)

    monkeypatch.setattr(RowEncoder, "encode_row", everything)
    summary = write(agent(), *SHAPES)
    assert not summary.proofs.green
    assert summary.proofs.results["loss_mask"].n_failures >= len(SHAPES)
    assert (
        "loss on" in json.loads((tmp_path / "proofs.json").read_text())["results"]["loss_mask"]["failures"][0]["reason"]
    )


def test_rows_of_other_trajectories_are_refused(
    tmp_path: Path, agent: Agent, write: Write, gemma_tokenizer_folder: Path
) -> None:
    write(agent(), *SHAPES[:2])
    write_accepted_rows(accepted(SHAPES[:1]), tmp_path / "accepted.parquet")
    with pytest.raises(
        ChatRowsError, match=r"rows of one_call, which is not in .*accepted.parquet; run chat_rows again"
    ):
        write_token_tensors(
            rows=tmp_path / "rows.parquet",
            accepted=tmp_path / "accepted.parquet",
            tokenizer=gemma_tokenizer_folder,
            chat=agent().chat,
            out=tmp_path,
            progress=lambda line: None,
        )


def test_write_token_tensors_folder_without_tokenizer_is_refused(tmp_path: Path, agent: Agent, write: Write) -> None:
    write(agent(), SHAPES[0])
    with pytest.raises(ChatRowsError, match=r"no tokenizer_config.json; name a model folder"):
        write_token_tensors(
            rows=tmp_path / "rows.parquet",
            accepted=tmp_path / "accepted.parquet",
            tokenizer=tmp_path / "nowhere",
            chat=agent().chat,
            out=tmp_path,
            progress=lambda line: None,
        )
