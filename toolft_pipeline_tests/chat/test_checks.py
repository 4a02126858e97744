"""The parts of the proofs that need no tokenizer: spans of loss, rows without any, and the report."""

from __future__ import annotations

from typing import Any, cast

from hypothesis import given
from hypothesis import strategies as st

from toolft_pipeline.chat.proofs.checks import (
    LossSpan,
    RowUnderProof,
    check_loss_mask,
    check_serving_prompt,
    loss_spans,
)
from toolft_pipeline.chat.proofs.oracles import ORACLES
from toolft_pipeline.chat.proofs.report import SHOWN_FAILURES, Proof, ProofFailure, ProofReport, make_report
from toolft_pipeline_tests.chat.conversations import assistant, user

NO_TOKENIZER = cast("Any", None)


@given(st.lists(st.sampled_from([-100, 0, 1, 7]), max_size=12))
def test_loss_spans_are_what_counting_gives(labels: list[int]) -> None:
    """Id 0 is a token like any other."""
    inside = [place for place, label in enumerate(labels) if label != -100]
    starts = [place for place in inside if place - 1 not in inside]
    ends = [place + 1 for place in inside if place + 1 not in inside]
    assert loss_spans(labels) == list(zip(starts, ends, strict=True))


def test_row_without_loss_is_not_proven() -> None:
    row = RowUnderProof(input_ids=[1, 2], labels=[-100, -100], spans=(), messages=(user("a"), assistant("b")))
    reason = check_loss_mask(row, tokenizer=NO_TOKENIZER, oracle=ORACLES["gemma3"])
    assert reason == "no token carries loss"


def test_turn_without_any_history_cannot_be_served() -> None:
    spans = (LossSpan(start=0, end=2, message_index=0),)
    row = RowUnderProof(input_ids=[1, 2], labels=[1, 2], spans=spans, messages=(assistant("hello"),))
    reason = check_serving_prompt(row, tokenizer=NO_TOKENIZER, tools=[])
    assert reason is not None
    assert "without any history" in reason


def test_report_counts_more_failures_than_it_shows() -> None:
    failures = [ProofFailure(row_id=str(number), reason="wrong") for number in range(SHOWN_FAILURES + 5)]
    report = make_report(rows_checked=dict.fromkeys(Proof, 30), failures={Proof.PARSER: failures})
    result = report.results["parser"]
    assert (result.n_failures, len(result.failures)) == (SHOWN_FAILURES + 5, SHOWN_FAILURES)
    assert report.n_failures == SHOWN_FAILURES + 5


def test_report_that_lacks_a_proof_is_not_green() -> None:
    whole = make_report(rows_checked=dict.fromkeys(Proof, 1), failures={})
    assert whole.green
    for proof in Proof:
        assert not ProofReport(results={name: one for name, one in whole.results.items() if name != proof}).green
    assert not ProofReport(results={}).green
