"""Rows with turns without loss: proven in every format, cut like others, counted, and red where the mask is wrong."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import pyarrow.parquet as pq
import pytest

from toolft_pipeline.chat.formats import GEMMA3
from toolft_pipeline.chat.proofs.checks import loss_spans
from toolft_pipeline.chat.proofs.prove import Prover, TensorRow
from toolft_pipeline.chat.proofs.report import Proof
from toolft_pipeline.chat.render_day import write_chat_rows
from toolft_pipeline.chat.rendering.conversation import openai_tools
from toolft_pipeline.settings import AgentSettings, CatalogMode, LossOnFailedCalls
from toolft_pipeline.trajectories.record import Trajectory
from toolft_pipeline.trajectories.tool_failure import failed_results
from toolft_pipeline_tests.chat.conversations import CATALOG, SHAPES, THINKING
from toolft_pipeline_tests.chat.families import Family, refuted
from toolft_pipeline_tests.chat.loss.scripts import Script, written
from toolft_pipeline_tests.chat.test_render_day import inputs
from toolft_pipeline_tests.chat.test_token_tensors import Write, write

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

__all__ = ["write"]  # the fixture

Agent = Callable[..., AgentSettings]
MASKED = LossOnFailedCalls.MENDED_MASKED

SCRIPT: Script = [
    "user",
    [("find", "error")],
    [("list", "ok")],
    [("find", "ok")],
    "answer",
    "user",
    [("find", "error")],
    "answer",
    "user",
    [("find", "error"), ("list", "error")],
    [("find", "ok"), ("list", "ok")],
    "answer",
]
RUN = written(SCRIPT)
"""Nine assistant turns, of which those numbered 0 and 6 are corrected."""
ONLY_CONTEXT = written(["user", "answer"], marked=[0], id_="only_context")


def spans(rows: list[TensorRow]) -> int:
    return sum(len(loss_spans(row.labels)) for row in rows)


def marked_everywhere(run: Trajectory) -> list[Trajectory]:
    """The run once for each message that could be marked."""
    return [
        msgspec.structs.replace(
            run,
            messages=tuple(
                msgspec.structs.replace(message, train=place != index or message.role.value != "assistant")
                for place, message in enumerate(run.messages)
            ),
        )
        for index in range(len(run.messages))
    ]


@pytest.mark.parametrize("mode", list(CatalogMode))
def test_corrected_calls_are_masked_and_proven_in_every_format(family: Family, mode: CatalogMode) -> None:
    tools = [] if mode is CatalogMode.NONE else openai_tools(CATALOG)
    rows = family.rows(RUN, mode=mode, tools=tools, rule=MASKED)
    assert spans(family.rows(RUN, mode=mode, tools=tools)) - spans(rows) == 2
    assert refuted(family.proven(RUN, *SHAPES, mode=mode, tools=tools, rule=MASKED)) == []


def test_marked_turns_are_masked_and_proven_in_every_format(family: Family) -> None:
    thinking = "keep" if family.chat_format.capabilities.reasoning else "drop"
    for run in (RUN, *THINKING):
        marked = marked_everywhere(run)
        assert refuted(family.proven(*marked, thinking=thinking)) == []  # type: ignore[arg-type]


def test_masked_call_stays_in_the_context_of_its_correction(gemma: PreTrainedTokenizerBase) -> None:
    (row,) = Family(GEMMA3, gemma).rows(RUN, rule=MASKED)
    first = loss_spans(row.labels)[0]
    before = gemma.decode(row.input_ids[: first[0]])
    assert '"find", "arguments": {"step": 1}' in before
    assert "Error: find has no 1" in before


def _all_turns(row: TensorRow, whole: TensorRow) -> TensorRow:
    return dataclasses.replace(row, labels=whole.labels)


def _one_turn_less(row: TensorRow, _whole: TensorRow) -> TensorRow:
    start, end = loss_spans(row.labels)[0]
    labels = [-100 if start <= place < end else label for place, label in enumerate(row.labels)]
    return dataclasses.replace(row, labels=labels)


def _half_a_turn(row: TensorRow, whole: TensorRow) -> TensorRow:
    start, end = loss_spans(whole.labels)[0]
    labels = [whole.labels[place] if start <= place < end - 3 else label for place, label in enumerate(row.labels)]
    return dataclasses.replace(row, labels=labels)


@pytest.mark.parametrize("break_mask", [_all_turns, _one_turn_less, _half_a_turn])
def test_loss_mask_fails_where_the_rule_is_broken(
    break_mask: Callable[[TensorRow, TensorRow], TensorRow], gemma: PreTrainedTokenizerBase
) -> None:
    family = Family(GEMMA3, gemma)
    (row,), (whole,) = family.rows(RUN, rule=MASKED), family.rows(RUN)
    assert _red(gemma, row, mended_masked=True) == set()
    assert Proof.LOSS_MASK in _red(gemma, break_mask(row, whole), mended_masked=True)
    assert Proof.LOSS_MASK in _red(gemma, row, mended_masked=False)
    assert Proof.LOSS_MASK in _red(gemma, whole, mended_masked=True)


def _red(gemma: PreTrainedTokenizerBase, row: TensorRow, *, mended_masked: bool) -> set[str]:
    prover = Prover(tokenizer=gemma, tools=[], format_name="gemma3", thinking="drop", mended_masked=mended_masked)
    failed = failed_results(RUN.messages)
    prover.prove(trajectory_id="run", messages=RUN.messages, rows=[row], catalog=False, failed_results=failed)
    return {proof for proof, result in prover.report().results.items() if result.n_failures}


@pytest.mark.parametrize("policy", ["keep", "strip", "replace: Be brief."])
@pytest.mark.parametrize(("how", "limit"), [("drop", 4096), ("drop", 150), ("cut_front", 150), ("split", 150)])
def test_masked_turns_are_trained_in_no_truncation_mode(
    how: str, limit: int, policy: str, tmp_path: Path, agent: Agent, write: Write
) -> None:
    chat: dict[str, Any] = {"long_rows": how, "max_length": limit, "system_prompt": policy}
    summary = write(agent(**chat, loss_on_failed_calls="mended_masked"), RUN, ONLY_CONTEXT)
    assert summary.proofs.green, summary.proofs
    rows = [row for row in _rows(tmp_path) if row["trajectory_id"] == RUN.trajectory_id]
    n_spans = sum(len(loss_spans(row["labels"])) for row in rows)
    assert n_spans == {"drop": 7 * (limit > 150), "cut_front": 7 - summary.lost_turns, "split": 7}[how]


def test_masked_tokens_are_the_only_ones_without_loss(tmp_path: Path, agent: Agent, write: Write) -> None:
    whole = write(agent(), RUN)
    (before,) = _rows(tmp_path)
    masked = write(agent(loss_on_failed_calls="mended_masked"), RUN)
    (after,) = _rows(tmp_path)
    assert before["input_ids"] == after["input_ids"]
    lost = [place for place, (a, b) in enumerate(zip(before["labels"], after["labels"], strict=True)) if a != b]
    turns = loss_spans(before["labels"])
    assert lost == [*range(*turns[0]), *range(*turns[6])]
    assert whole.loss_tokens - masked.loss_tokens == len(lost)
    assert (before["n_loss_tokens"], after["n_loss_tokens"]) == (whole.loss_tokens, masked.loss_tokens)


def test_run_without_loss_has_no_row_and_is_counted(tmp_path: Path, agent: Agent) -> None:
    chat = agent(loss_on_failed_calls="mended_masked").chat
    summary = write_chat_rows(**inputs(tmp_path, RUN, ONLY_CONTEXT), chat=chat, out=tmp_path)
    assert (summary.trajectories, summary.rows, summary.without_loss, summary.without_assistant) == (2, 1, 1, 0)
    assert (summary.marked_turns, summary.corrected_turns, summary.trained_turns) == (1, 2, 7)


def _rows(folder: Path) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = pq.read_table(folder / "tensors.parquet").to_pylist()
    return rows
