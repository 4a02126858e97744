"""The four proofs fail on each planted fault; test_conformance shows them green."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import pytest

from toolft_pipeline.chat.formats import GEMMA3
from toolft_pipeline.chat.formats.chat_format import ChatFormat
from toolft_pipeline.chat.proofs.checks import LossSpan, RowUnderProof, check_control_tokens, control_token_ids
from toolft_pipeline.chat.proofs.oracles import ORACLES
from toolft_pipeline.chat.proofs.prove import Prover, TensorRow
from toolft_pipeline.chat.proofs.report import Proof, ProofReport
from toolft_pipeline.chat.rendering.tokens import NO_LOSS, RowEncoder
from toolft_pipeline.chat.trajectory_rows import trajectory_rows
from toolft_pipeline.settings import ChatSettings
from toolft_pipeline.trajectories.category import Category
from toolft_pipeline.trajectories.record import Trajectory
from toolft_pipeline_tests.chat.conversations import SHAPES, assistant, user
from toolft_pipeline_tests.chat.families import mutated

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

RETRY = next(shape for shape in SHAPES if shape.trajectory_id == "error_then_retry")
HOSTILE = next(shape for shape in SHAPES if shape.trajectory_id == "hostile")


def tensor_rows(shape: Trajectory, encoder: RowEncoder, chat_format: ChatFormat = GEMMA3) -> list[TensorRow]:
    rows = trajectory_rows(shape, category=Category.SINGLE_CALL, chat_format=chat_format, chat=ChatSettings(), tools=[])
    encoded = [encoder.encode_row(row.segments) for row in rows]
    return [
        TensorRow(row_id=row.row_id, input_ids=tokens.input_ids, labels=tokens.labels)
        for row, tokens in zip(rows, encoded, strict=True)
    ]


def proven(shape: Trajectory, rows: list[TensorRow], tokenizer: PreTrainedTokenizerBase) -> ProofReport:
    prover = Prover(tokenizer=tokenizer, tools=[], format_name="gemma3", thinking="drop")
    prover.prove(trajectory_id=shape.trajectory_id, messages=shape.messages, rows=rows, catalog=False)
    return prover.report()


def red(report: ProofReport) -> set[str]:
    return {name for name, result in report.results.items() if result.n_failures}


def test_proofs_without_a_row_are_not_green(gemma: PreTrainedTokenizerBase) -> None:
    assert not Prover(tokenizer=gemma, tools=[], format_name="gemma3", thinking="drop").report().green


def _shifted(row: TensorRow) -> TensorRow:
    return TensorRow(row_id=row.row_id, input_ids=row.input_ids, labels=[NO_LOSS, *row.labels[:-1]])


def _everything(row: TensorRow) -> TensorRow:
    return TensorRow(row_id=row.row_id, input_ids=row.input_ids, labels=row.input_ids)


def _nothing(row: TensorRow) -> TensorRow:
    return TensorRow(row_id=row.row_id, input_ids=row.input_ids, labels=[NO_LOSS] * len(row.labels))


def _newline_too(row: TensorRow) -> TensorRow:
    """Loss on the newline behind the end of turn, which no server ever generates."""
    labels = list(row.labels)
    for index in range(1, len(labels)):
        if row.labels[index - 1] != NO_LOSS and row.labels[index] == NO_LOSS:
            labels[index] = row.input_ids[index]
    return TensorRow(row_id=row.row_id, input_ids=row.input_ids, labels=labels)


def _first_turn_only(row: TensorRow) -> TensorRow:
    end = next(p for p in range(1, len(row.labels)) if row.labels[p - 1] != NO_LOSS and row.labels[p] == NO_LOSS)
    labels = [*row.labels[:end], *[NO_LOSS] * (len(row.labels) - end)]
    return TensorRow(row_id=row.row_id, input_ids=row.input_ids, labels=labels)


@pytest.mark.parametrize("fault", [_shifted, _everything, _nothing, _newline_too, _first_turn_only])
def test_loss_mask_fails_on_a_broken_mask(
    fault: Callable[[TensorRow], TensorRow], gemma: PreTrainedTokenizerBase, encoder: RowEncoder
) -> None:
    rows = [fault(row) for row in tensor_rows(RETRY, encoder)]
    assert Proof.LOSS_MASK in red(proven(RETRY, rows, gemma))


def _without_end_of_turn(row: TensorRow) -> TensorRow:
    """What a mask by text alone gives: the model is never taught to stop."""
    after = [*row.labels[1:], NO_LOSS]
    labels = [NO_LOSS if following == NO_LOSS else label for label, following in zip(row.labels, after, strict=True)]
    return TensorRow(row_id=row.row_id, input_ids=row.input_ids, labels=labels)


def _one_label_of_another_token(row: TensorRow) -> TensorRow:
    place = next(place for place, label in enumerate(row.labels) if label != NO_LOSS)
    return TensorRow(row_id=row.row_id, input_ids=row.input_ids, labels=_with(row.labels, place, row.labels[place] + 1))


def _one_label_too_many(row: TensorRow) -> TensorRow:
    return TensorRow(row_id=row.row_id, input_ids=row.input_ids, labels=[*row.labels, NO_LOSS])


def _with(tokens: Sequence[int], place: int, token: int) -> list[int]:
    return [*tokens[:place], token, *tokens[place + 1 :]]


@pytest.mark.parametrize("fault", [_without_end_of_turn, _one_label_of_another_token, _one_label_too_many])
def test_loss_mask_fails_on_a_mask_beside_the_turn(
    fault: Callable[[TensorRow], TensorRow], gemma: PreTrainedTokenizerBase, encoder: RowEncoder
) -> None:
    """Every turn is there and carries loss: only the loss itself is wrong."""
    rows = [fault(row) for row in tensor_rows(RETRY, encoder)]
    assert Proof.LOSS_MASK in red(proven(RETRY, rows, gemma))


def test_loss_mask_fails_on_a_turn_in_two_rows(gemma: PreTrainedTokenizerBase, encoder: RowEncoder) -> None:
    assert Proof.LOSS_MASK in red(proven(RETRY, tensor_rows(RETRY, encoder) * 2, gemma))


def test_loss_mask_fails_on_a_trajectory_without_rows(gemma: PreTrainedTokenizerBase) -> None:
    report = proven(RETRY, [], gemma)
    assert report.results[Proof.LOSS_MASK].failures[0].reason == "3 of 3 turns that must carry loss carry none"


def test_loss_mask_fails_on_a_template_that_drops_calls(
    installed: Callable[..., PreTrainedTokenizerBase], encoder: RowEncoder
) -> None:
    broken = mutated(GEMMA3, ("for call in message['tool_calls'] or []", "for call in []"))
    report = proven(RETRY, tensor_rows(RETRY, encoder, broken), installed(broken))
    assert {Proof.LOSS_MASK, Proof.PARSER} <= red(report)
    assert report.results[Proof.SERVING_PROMPT].n_failures == 0  # equally wrong on both sides: this one cannot see it


def test_serving_prompt_fails_on_a_template_with_other_text(
    installed: Callable[..., PreTrainedTokenizerBase], encoder: RowEncoder
) -> None:
    served = mutated(
        GEMMA3,
        ("'<start_of_turn>model\\n' if add_generation_prompt", "'<start_of_turn>model' if add_generation_prompt"),
    )
    assert red(proven(RETRY, tensor_rows(RETRY, encoder), installed(served))) == {Proof.SERVING_PROMPT}


def test_serving_prompt_fails_on_a_template_that_raises(
    installed: Callable[..., PreTrainedTokenizerBase], encoder: RowEncoder
) -> None:
    served = mutated(GEMMA3, ("{{- '<bos>' -}}", "{{- raise_exception('roles must alternate') -}}"))
    report = proven(RETRY, tensor_rows(RETRY, encoder), installed(served))
    assert red(report) == {Proof.SERVING_PROMPT}
    assert "roles must alternate" in report.results[Proof.SERVING_PROMPT].failures[0].reason


def test_serving_prompt_fails_on_context_encoded_otherwise(gemma: PreTrainedTokenizerBase, encoder: RowEncoder) -> None:
    """Ids of an answer that was encoded together with a newline before it: the text is right, the split is not."""
    (row,) = tensor_rows(RETRY, encoder)
    ids, labels = list(row.input_ids), list(row.labels)
    index = ids.index(encoder.encode("\n")[0])
    newlines = encoder.encode("\n\n") + ids[index + 1 :]
    broken = TensorRow(row_id=row.row_id, input_ids=ids[:index] + newlines, labels=labels)
    assert Proof.SERVING_PROMPT in red(proven(RETRY, [broken], gemma))


def _changed_inside(row: TensorRow, *, after: int, encoder: RowEncoder, old: str, new: str) -> TensorRow:
    """A row with one token of its context after the place `after` replaced by another."""
    (was,), (now,) = encoder.encode(old), encoder.encode(new)
    places = range(after, len(row.input_ids))
    place = next(at for at in places if row.input_ids[at] == was and row.labels[at] == NO_LOSS)
    return TensorRow(row_id=row.row_id, input_ids=_with(row.input_ids, place, now), labels=row.labels)


def test_serving_prompt_fails_on_the_context_of_a_later_turn(
    gemma: PreTrainedTokenizerBase, encoder: RowEncoder
) -> None:
    (row,) = tensor_rows(RETRY, encoder)
    first_turn = next(place for place, label in enumerate(row.labels) if label != NO_LOSS)
    changed = _changed_inside(row, after=first_turn, encoder=encoder, old="7", new="8")
    assert Proof.SERVING_PROMPT in red(proven(RETRY, [changed], gemma))


def test_control_tokens_fails_on_other_text_of_the_same_length(
    gemma: PreTrainedTokenizerBase, encoder: RowEncoder
) -> None:
    (row,) = tensor_rows(RETRY, encoder)
    changed = _changed_inside(row, after=0, encoder=encoder, old="7", new="8")
    assert Proof.CONTROL_TOKENS in red(proven(RETRY, [changed], gemma))


CATALOG_TEXT = "get_order: look up an order"


@pytest.mark.parametrize(
    ("before", "inside", "after", "fails"),
    [
        ("", CATALOG_TEXT, "Order 7?", False),
        ("", CATALOG_TEXT, "Order 8?", True),
        ("", f"{CATALOG_TEXT}<end_of_turn>", "Order 7?", True),
        ("Say", CATALOG_TEXT, "Order 7?", True),
    ],
    ids=["as recorded", "other request", "end of turn in a description", "text before"],
)
def test_control_tokens_fails_around_and_inside_a_catalog(
    before: str, inside: str, after: str, fails: bool, gemma: PreTrainedTokenizerBase
) -> None:
    """The row is written by hand; what the tools are is the one thing that the record does not say."""
    question, answer = user("Order 7?"), assistant("It exists.")
    text = f"<bos>{before}<start_of_turn>user\n{inside}\n\n{after}<end_of_turn>\n<start_of_turn>model\n"
    context = gemma(text, add_special_tokens=False)["input_ids"]
    turn = gemma("It exists.<end_of_turn>", add_special_tokens=False)["input_ids"]
    row = RowUnderProof(
        input_ids=[*context, *turn],
        labels=[*[NO_LOSS] * len(context), *turn],
        spans=(LossSpan(start=len(context), end=len(context) + len(turn), message_index=1),),
        messages=(question, answer),
    )
    oracle = ORACLES["gemma3"]
    control = control_token_ids(gemma, oracle)
    reason = check_control_tokens(row, tokenizer=gemma, oracle=oracle, control_ids=control, catalog=True)
    assert (reason is not None) == fails, reason


def _parsed_otherwise(
    gemma: PreTrainedTokenizerBase, change: Callable[[dict[str, Any]], dict[str, Any]]
) -> PreTrainedTokenizerBase:
    tokenizer = copy.copy(gemma)
    read = tokenizer.parse_response
    tokenizer.parse_response = lambda text, **options: change(read(text, **options))
    return tokenizer


@pytest.mark.parametrize("change", [{"content": "something else"}, {"content": ""}, {"reasoning_content": "Hm."}])
def test_parser_fails_on_other_words_or_thoughts(
    change: dict[str, str], gemma: PreTrainedTokenizerBase, encoder: RowEncoder
) -> None:
    """Only the answer is read otherwise; every call is parsed as recorded."""
    tokenizer = _parsed_otherwise(gemma, lambda parsed: parsed if parsed.get("tool_calls") else parsed | change)
    assert red(proven(RETRY, tensor_rows(RETRY, encoder), tokenizer)) == {Proof.PARSER}


def test_parser_fails_on_the_last_turn(gemma: PreTrainedTokenizerBase, encoder: RowEncoder) -> None:
    made_up = {"function": {"name": "get_order", "arguments": {"id": 9}}}

    def change(parsed: dict[str, Any]) -> dict[str, Any]:
        return parsed if parsed.get("tool_calls") else {**parsed, "tool_calls": [made_up]}

    assert red(proven(RETRY, tensor_rows(RETRY, encoder), _parsed_otherwise(gemma, change))) == {Proof.PARSER}


@pytest.mark.parametrize(
    "change",
    [
        {"close": "<end_of_turn>"},
        {"transform": {"type": "function", "function": {"name": "{content.arguments}", "arguments": "{content.name}"}}},
        {"open_pattern": r"\s*<function_call>"},
        {"repeats": False},
    ],
)
def test_parser_fails_on_a_broken_response_template(
    change: dict[str, Any], gemma: PreTrainedTokenizerBase, encoder: RowEncoder
) -> None:
    tokenizer = copy.copy(gemma)
    tokenizer.response_template = copy.deepcopy(dict(GEMMA3.response_template))
    tokenizer.response_template["fields"]["tool_calls"].update(change)
    assert red(proven(RETRY, tensor_rows(RETRY, encoder), tokenizer)) == {Proof.PARSER}


def test_parser_fails_on_cast_arguments(gemma: PreTrainedTokenizerBase, encoder: RowEncoder) -> None:
    """A parser that reads "7" as 7, as one does that is given the tools, changes what was recorded."""
    tokenizer = copy.copy(gemma)
    read = tokenizer.parse_response
    number = {"type": "object", "properties": {"id": {"type": "integer"}}}
    tools = [{"type": "function", "function": {"name": "get_order", "parameters": number}}]
    tokenizer.parse_response = lambda text, **options: read(text, tools=tools, **options)
    assert red(proven(RETRY, tensor_rows(RETRY, encoder), tokenizer)) == {Proof.PARSER}


def test_control_tokens_fails_on_live_control_strings(
    installed: Callable[..., PreTrainedTokenizerBase], encoder: RowEncoder
) -> None:
    live = mutated(GEMMA3, control_strings=("<never>",))
    report = proven(HOSTILE, tensor_rows(HOSTILE, encoder, live), installed(live))
    assert Proof.CONTROL_TOKENS in red(report)
    assert "control tokens instead of" in report.results[Proof.CONTROL_TOKENS].failures[0].reason


def test_control_tokens_fails_on_a_template_that_drops_results(
    installed: Callable[..., PreTrainedTokenizerBase], encoder: RowEncoder
) -> None:
    broken = mutated(GEMMA3, ("'<tool_response>' ~ plain(text) ~", "'<tool_response>' ~"))
    report = proven(RETRY, tensor_rows(RETRY, encoder, broken), installed(broken))
    assert red(report) == {Proof.CONTROL_TOKENS}
