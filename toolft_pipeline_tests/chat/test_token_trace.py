"""Token traces: every token is in a span, each trained turn has its message and its serving prompt."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from toolft_pipeline.chat.fitting import RowFitter
from toolft_pipeline.chat.formats import GEMMA3
from toolft_pipeline.chat.rendering.tokens import NO_LOSS, TokenRow
from toolft_pipeline.chat.token_trace import RowTracer, TracedRow
from toolft_pipeline.chat.trajectory_rows import trajectory_rows
from toolft_pipeline.settings import ChatSettings
from toolft_pipeline.trajectories.category import Category
from toolft_pipeline.trajectories.record import Role, Trajectory
from toolft_pipeline_tests.chat.conversations import SHAPES
from toolft_pipeline_tests.chat.test_long_rows import LONG_RUN

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase


def explained(
    gemma: PreTrainedTokenizerBase,
    run: Trajectory,
    *,
    stored: dict[str, TokenRow] | None = None,
    **chat_settings: object,
) -> list[TracedRow]:
    chat = ChatSettings.model_validate(chat_settings)
    rows = trajectory_rows(run, category=Category.SINGLE_CALL, chat_format=GEMMA3, chat=chat, tools=[])
    if stored is None:
        fitted = RowFitter(tokenizer=gemma, chat=chat, tools=[], pasted={}).fit(run, rows)
        stored = {row.row.row_id: row.tokens for one in fitted for row in one.written}
    return RowTracer(tokenizer=gemma, chat=chat, tools=[], pasted={}).trace(run, rows, stored=stored)


@pytest.mark.parametrize("policy", ["keep", "strip", "replace: Be brief."])
@pytest.mark.parametrize(
    "shape", [shape for shape in SHAPES if shape.trajectory_id in {"unicode", "several_user_turns"}]
)
def test_trace_covers_every_token_and_turns_are_as_served(
    shape: Trajectory, policy: str, gemma: PreTrainedTokenizerBase
) -> None:
    (row,) = explained(gemma, shape, system_prompt=policy)
    assert row.trained
    assert row.note is None
    assert [span.start for span in row.spans[1:]] == [span.end for span in row.spans[:-1]]
    assert (row.spans[0].start, row.spans[-1].end) == (0, row.n_tokens)
    said = [place for place, message in enumerate(shape.messages) if message.role is Role.ASSISTANT]
    turns = [span for span in row.spans if span.trained]
    assert [span.message for span in turns] == said
    assert all(span.as_served and span.prompt_tokens == span.start for span in turns)
    before = ""
    for span in row.spans:
        assert span.prompt is None or span.prompt == before
        before += span.text


def test_trace_of_a_cut_row_shows_the_cut_history(gemma: PreTrainedTokenizerBase) -> None:
    rows = explained(gemma, LONG_RUN, max_length=150, long_rows="split")
    assert [row.row_id for row in rows] == ["long#0.0", "long#0.1", "long#0.2"]
    assert all(row.note == "cut out of a row of 342 tokens" for row in rows)
    turns = [span for row in rows for span in row.spans if span.trained]
    assert [span.message for span in turns] == [2, 4, 6, 8, 10, 12, 14]
    assert all(span.as_served for span in turns)


def test_explained_row_that_is_too_long_says_so(gemma: PreTrainedTokenizerBase) -> None:
    (row,) = explained(gemma, LONG_RUN, max_length=150)
    assert not row.trained
    assert row.note == "left out: 342 tokens, chat.max_length is 150"
    assert row.n_tokens == 342


def test_trace_shows_the_stored_mask(gemma: PreTrainedTokenizerBase) -> None:
    chat = ChatSettings()
    rows = trajectory_rows(SHAPES[0], category=Category.SINGLE_CALL, chat_format=GEMMA3, chat=chat, tools=[])
    (fitted,) = RowFitter(tokenizer=gemma, chat=chat, tools=[], pasted={}).fit(SHAPES[0], rows)
    ids = fitted.whole.tokens.input_ids
    shifted = TokenRow(input_ids=ids, labels=[NO_LOSS, *fitted.whole.tokens.labels[:-1]])
    (row,) = explained(gemma, SHAPES[0], stored={"no_tool#0": shifted})
    assert row.note == "differs from what the code makes now: it has changed since; run the pipeline again"
    (turn,) = [span for span in row.spans if span.trained]
    assert turn.as_served is False
    assert explained(gemma, SHAPES[0], stored={})[0].trained is False
