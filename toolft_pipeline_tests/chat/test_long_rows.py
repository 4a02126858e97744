"""Rows above `chat.max_length`: cut by the agent's setting, proven as cut, and counted."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow.parquet as pq
import pytest

from toolft_pipeline.chat.fitting import RowFitter
from toolft_pipeline.chat.formats import GEMMA3
from toolft_pipeline.chat.proofs.prove import CutTensorRow, Prover, ReplacementRows, TensorRow
from toolft_pipeline.chat.proofs.report import Proof, ProofReport
from toolft_pipeline.chat.trajectory_rows import trajectory_rows
from toolft_pipeline.settings import AgentSettings, ChatSettings
from toolft_pipeline.trajectories.category import Category
from toolft_pipeline.trajectories.record import Message
from toolft_pipeline_tests.chat.conversations import assistant, system, tool, trajectory, user
from toolft_pipeline_tests.chat.test_token_tensors import Write, write

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

__all__ = ["write"]  # the fixture

Agent = Callable[..., AgentSettings]


def _step(number: int) -> list[Message]:
    return [assistant("", ("read", {"page": number})), tool(f"page {number}: " + "text " * 12)]


LONG_RUN = trajectory(
    "long",
    system("You read."),
    user("Read the book."),
    *(message for number in range(4) for message in _step(number)),
    assistant("Read."),
    user("And the letter?"),
    *_step(9),
    assistant("That too."),
)
SHORT = trajectory("short", user("Hi"), assistant("Hello!"))


@pytest.mark.parametrize(("how", "rows", "lost"), [("drop", 0, 7), ("cut_front", 1, 5), ("split", 3, 0)])
def test_long_row_is_cut_by_the_setting_and_proven(
    how: str, rows: int, lost: int, tmp_path: Path, agent: Agent, write: Write
) -> None:
    summary = write(agent(max_length=150, long_rows=how), LONG_RUN, SHORT)
    made = pq.read_table(tmp_path / "tensors.parquet").to_pylist()
    assert summary.proofs.green, summary.proofs
    assert [row["row_id"] for row in made] == [*(f"long#0.{number}" for number in range(rows)), "short#0"]
    assert max(row["n_tokens"] for row in made) <= 150
    assert (summary.too_long, summary.cut_rows, summary.lost_turns) == (1, rows, lost)
    written = sum(row["n_loss_tokens"] for row in made[:-1])
    assert written + summary.lost_loss_tokens == summary.too_long_loss_tokens
    checked = json.loads((tmp_path / "proofs.json").read_text())["results"]["serving_prompt"]["rows_checked"]
    assert checked == 2 + rows


def test_write_token_tensors_split_loses_no_token_of_loss(agent: Agent, write: Write) -> None:
    whole = write(agent(), LONG_RUN)
    split = write(agent(max_length=150, long_rows="split"), LONG_RUN)
    assert (split.loss_tokens, split.lost_loss_tokens) == (whole.loss_tokens, 0)
    assert split.rows == 3


def _under_proof(gemma: PreTrainedTokenizerBase) -> TensorRow:
    chat = ChatSettings.model_validate({"max_length": 150, "long_rows": "split"})
    rows = trajectory_rows(LONG_RUN, category=Category.SINGLE_CALL, chat_format=GEMMA3, chat=chat, tools=[])
    (fitted,) = RowFitter(tokenizer=gemma, chat=chat, tools=[], pasted={}).fit(LONG_RUN, rows)
    assert len(fitted.cuts) == 3

    def tensor(row_id: str, tokens: object) -> TensorRow:
        return TensorRow(row_id=row_id, input_ids=tokens.input_ids, labels=tokens.labels)  # type: ignore[attr-defined]

    parts = tuple(
        CutTensorRow(row=tensor(one.row.row_id, one.tokens), kept=one.kept or (), message_indices=one.message_indices)
        for one in fitted.cuts
    )
    whole = tensor(fitted.whole.row.row_id, fitted.whole.tokens)
    return dataclasses.replace(whole, replaced_by=ReplacementRows(rows=parts, lost=fitted.lost))


def _proven(gemma: PreTrainedTokenizerBase, row: TensorRow) -> ProofReport:
    prover = Prover(tokenizer=gemma, tools=[], format_name="gemma3", thinking="drop")
    prover.prove(trajectory_id="long", messages=LONG_RUN.messages, rows=[row], catalog=False)
    return prover.report()


def _second(whole: TensorRow, **changes: object) -> TensorRow:
    """The row with its second part changed."""
    assert whole.replaced_by is not None
    first, second, *others = whole.replaced_by.rows
    changed = dataclasses.replace(second, **changes)  # type: ignore[arg-type]
    return dataclasses.replace(
        whole, replaced_by=dataclasses.replace(whole.replaced_by, rows=(first, changed, *others))
    )


def _trained_twice(row: TensorRow) -> TensorRow:
    assert row.replaced_by is not None
    return dataclasses.replace(
        row, replaced_by=dataclasses.replace(row.replaced_by, rows=(*row.replaced_by.rows, row.replaced_by.rows[0]))
    )


def _left_out_in_silence(row: TensorRow) -> TensorRow:
    assert row.replaced_by is not None
    return dataclasses.replace(row, replaced_by=dataclasses.replace(row.replaced_by, rows=row.replaced_by.rows[:-1]))


def _loss_on_context(row: TensorRow) -> TensorRow:
    assert row.replaced_by is not None
    part = row.replaced_by.rows[1]
    return _second(row, row=dataclasses.replace(part.row, labels=part.row.input_ids))


def _cut_by_its_tokens(row: TensorRow) -> TensorRow:
    """What TRL does: the row's first tokens, whatever they end in."""
    assert row.replaced_by is not None
    part = row.replaced_by.rows[1]
    end = len(part.row.input_ids) - 5
    short = dataclasses.replace(part.row, input_ids=part.row.input_ids[:end], labels=part.row.labels[:end])
    return _second(row, row=short)


def _history_of_another(row: TensorRow) -> TensorRow:
    assert row.replaced_by is not None
    return _second(row, kept=row.replaced_by.rows[0].kept)


@pytest.mark.parametrize(
    ("fault", "proof"),
    [
        (_trained_twice, Proof.LOSS_MASK),
        (_left_out_in_silence, Proof.LOSS_MASK),
        (_loss_on_context, Proof.LOSS_MASK),
        (_cut_by_its_tokens, Proof.LOSS_MASK),
        (_history_of_another, Proof.SERVING_PROMPT),
    ],
)
def test_proofs_fail_on_a_broken_cut(
    fault: Callable[[TensorRow], TensorRow], proof: Proof, gemma: PreTrainedTokenizerBase
) -> None:
    row = _under_proof(gemma)
    assert _proven(gemma, row).green
    report = _proven(gemma, fault(row))
    assert report.results[proof].n_failures


def test_proofs_refuse_a_history_with_a_hole(gemma: PreTrainedTokenizerBase) -> None:
    """The row's tokens are those of the history that it names; only such a history no agent would send."""
    row = _under_proof(gemma)
    assert row.replaced_by is not None
    part = row.replaced_by.rows[1]
    broken = _second(row, kept=tuple(index for index in part.kept if index != part.kept[1]))
    (failure, *_) = _proven(gemma, broken).results[Proof.SERVING_PROMPT].failures
    assert failure.row_id == part.row.row_id
    assert "server sends" not in failure.reason


def test_cut_row_with_a_wrong_context_fails_serving_prompt(
    gemma: PreTrainedTokenizerBase,
) -> None:
    row = _under_proof(gemma)
    assert row.replaced_by is not None
    part = row.replaced_by.rows[1].row
    headless = dataclasses.replace(part, input_ids=part.input_ids[10:], labels=part.labels[10:])
    assert _proven(gemma, _second(row, row=headless)).results[Proof.SERVING_PROMPT].n_failures
