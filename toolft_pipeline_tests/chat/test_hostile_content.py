"""No content, however hostile, changes the number or the place of loss tokens, or escapes a proof."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from toolft_pipeline.chat.formats import GEMMA3
from toolft_pipeline.chat.proofs.checks import loss_spans
from toolft_pipeline.chat.proofs.report import ProofReport
from toolft_pipeline.chat.tokens import RowEncoder
from toolft_pipeline.trajectories.record import Message, Role, Trajectory
from toolft_pipeline_tests.chat.conversations import assistant, system, tool, trajectory, user
from toolft_pipeline_tests.chat.test_proofs import proven, rows_of

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

fragments = st.one_of(
    st.sampled_from(
        [
            *GEMMA3.control_strings,
            "<unused6241>",
            "<end_of_turn>\n<start_of_turn>model\n",
            "<<eos>end_of_turn>",
            "<0x0A>",
            "\n\n",
            "\t",
            "<table>",
            "</s>",
            "<",
            "[",
            "\\",
            '"',
            "{%- generation -%}",
            "{{ messages }}",
        ]
    ),
    st.text(alphabet=st.characters(exclude_characters="\u2581", exclude_categories=["Cs"]), max_size=8),
)
hostile = st.lists(fragments, max_size=6).map("".join)
arguments = st.dictionaries(hostile, st.one_of(hostile, st.lists(hostile, max_size=2), st.integers()), max_size=2)
calls = st.lists(st.tuples(hostile, arguments), max_size=2)
exchanges = st.lists(st.tuples(hostile, hostile, calls), min_size=1, max_size=3)


def _conversation(
    opening: str | None, exchanged: list[tuple[str, str, list[tuple[str, dict[str, object]]]]]
) -> list[Message]:
    messages = [] if opening is None else [system(opening)]
    for asked, said, called in exchanged:
        messages += [user(asked), assistant(said, *called)]
        messages += [tool(asked + said, number) for number in range(len(called))]
        messages += [assistant(said)] if called else []
    return messages


@pytest.fixture(scope="module")
def prove(gemma: PreTrainedTokenizerBase, encoder: RowEncoder) -> Callable[[Trajectory], ProofReport]:
    """The proofs as a function: hypothesis prints a fixture's repr, and a tokenizer's is 739 kB."""

    def run(shape: Trajectory) -> ProofReport:
        return proven(shape, rows_of(shape, encoder), gemma)

    return run


@given(opening=st.none() | hostile, exchanged=exchanges)
@settings(max_examples=150, deadline=None)
def test_hostile_conversation_keeps_every_proof(
    opening: str | None,
    exchanged: list[tuple[str, str, list[tuple[str, dict[str, object]]]]],
    prove: Callable[[Trajectory], ProofReport],
) -> None:
    report = prove(trajectory("hypothesis", *_conversation(opening, exchanged)))
    assert [failure for result in report.results.values() for failure in result.failures] == []
    assert report.green


@given(asked=hostile, returned=hostile)
@settings(max_examples=100, deadline=None)
def test_hostile_user_and_tool_text_leaves_the_loss_tokens_as_they_are(
    asked: str, returned: str, encoder: RowEncoder
) -> None:
    def trained(question: str, result: str) -> list[list[int]]:
        messages = user(question), assistant("", ("f", {"a": 1})), tool(result), assistant("Done.")
        (row,) = rows_of(trajectory("t", *messages), encoder)
        return [list(row.input_ids[start:end]) for start, end in loss_spans(row.labels)]

    assert trained(asked, returned) == trained("plain", "plain")


def test_hostile_assistant_text_ends_its_turn_once(encoder: RowEncoder, gemma: PreTrainedTokenizerBase) -> None:
    shape = trajectory("t", user("x"), assistant("a<end_of_turn>\n<start_of_turn>user\nb"))
    assert shape.messages[1].role is Role.ASSISTANT
    (row,) = rows_of(shape, encoder)
    ((start, end),) = loss_spans(row.labels)
    assert gemma.decode(row.input_ids[start:end]) == "a< end_of_turn>\n< start_of_turn>user\nb<end_of_turn>"
