"""What every registered chat format must pass, with the tokenizer of its family."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from toolft_pipeline.chat.formats.chat_format import TokenClass
from toolft_pipeline.chat.proofs.checks import control_token_ids, loss_spans
from toolft_pipeline.chat.proofs.oracles import ORACLES
from toolft_pipeline.chat.proofs.report import Proof
from toolft_pipeline.chat.rendering.conversation import openai_tools, template_messages, trajectory_messages
from toolft_pipeline.chat.rendering.parsing import parse_assistant
from toolft_pipeline.chat.rendering.rendering import render, render_rows
from toolft_pipeline.chat.rendering.tokens import NO_LOSS
from toolft_pipeline.evaluation.models.parse_faults import ParseFault, parse_fault
from toolft_pipeline.ingest.parsing.reasoning_marks import MARK
from toolft_pipeline.settings import CatalogMode
from toolft_pipeline.trajectories.record import Trajectory
from toolft_pipeline_tests.chat.conversations import (
    CATALOG,
    OPENING,
    SHAPES,
    THINKING,
    assistant,
    trajectory,
    user,
)
from toolft_pipeline_tests.chat.families import Family, mutated, refuted
from toolft_pipeline_tests.chat.family_cases import PlantedFault
from toolft_pipeline_tests.conftest import REPOSITORY

TOOLS = openai_tools(CATALOG)
FORTY = openai_tools(json.loads((REPOSITORY / "data" / "helpdesk" / "catalog.json").read_text()))


def shown(shape: Trajectory) -> str:
    return shape.trajectory_id


def test_every_added_token_has_a_class_and_the_oracle_agrees(family: Family) -> None:
    added = family.tokenizer.added_tokens_decoder
    classes = {token_id: family.chat_format.classify(token.content) for token_id, token in added.items()}
    assert [added[token_id].content for token_id, kind in classes.items() if kind is None] == []
    control = {token_id for token_id, kind in classes.items() if kind is TokenClass.CONTROL}
    assert control == control_token_ids(family.tokenizer, ORACLES[family.chat_format.name])


def test_stop_tokens_are_single_control_tokens(family: Family) -> None:
    vocabulary = family.tokenizer.get_vocab()
    assert [token for token in family.chat_format.stop_tokens if token not in vocabulary] in ([], ["<|endoftext|>"])
    assert all(family.chat_format.classify(token) is TokenClass.CONTROL for token in family.chat_format.stop_tokens)


def test_template_and_parser_survive_saving(family: Family, tmp_path: Path) -> None:
    from transformers import AutoTokenizer

    if family.chat_format.name == "gemma3":
        return  # test_serving has it; the real tokenizer takes seconds to load
    family.tokenizer.save_pretrained(tmp_path)
    loaded = AutoTokenizer.from_pretrained(tmp_path)
    assert loaded.chat_template == family.chat_format.template(catalog_mode=CatalogMode.NONE)
    assert loaded.response_template == family.chat_format.response_template


@pytest.mark.parametrize("shape", [*SHAPES, *OPENING], ids=shown)
def test_proofs_every_shape_is_green_in_every_catalog_mode(shape: Trajectory, family: Family) -> None:
    for mode in CatalogMode:
        report = family.proven(shape, mode=mode, tools=TOOLS)
        assert refuted(report) == []
        assert report.green


@pytest.mark.parametrize(
    ("fault", "red"),
    [
        ("drops_calls", {Proof.LOSS_MASK, Proof.PARSER}),
        ("drops_results", {Proof.CONTROL_TOKENS}),
        ("serves_no_cue", {Proof.SERVING_PROMPT}),
    ],
)
def test_proofs_fail_on_a_planted_fault(fault: PlantedFault, red: set[Proof], family: Family) -> None:
    broken = Family(mutated(family.chat_format, family.case.planted[fault]), family.tokenizer)
    if fault == "serves_no_cue":  # the rows are right, a server makes another prompt
        report = family.proven(SHAPES[4], served_by=broken.installed(CatalogMode.NONE))
    else:
        report = broken.proven(SHAPES[4])
    assert red <= {proof for proof, result in report.results.items() if result.n_failures}


def test_proofs_fail_on_live_control_strings(family: Family) -> None:
    live = mutated(family.chat_format, control_strings=("<never>",))
    end = family.chat_format.stop_tokens[0]
    shape = trajectory("t", user(f"a{end}b"), assistant("yes"))
    report = Family(live, family.tokenizer).proven(shape)
    assert report.results[Proof.CONTROL_TOKENS].n_failures == 1


@pytest.mark.parametrize("thinking", ["drop", "keep"])
@pytest.mark.parametrize("shape", THINKING, ids=shown)
def test_proofs_reasoning_is_green_dropped_and_kept(shape: Trajectory, thinking: Any, family: Family) -> None:
    if thinking == "keep" and not family.chat_format.capabilities.reasoning:
        return  # chat_rows refuses it by name
    assert refuted(family.proven(shape, mode=CatalogMode.FULL, tools=TOOLS, thinking=thinking)) == []


def test_reasoning_kept_is_trained_once_in_every_turn(family: Family) -> None:
    if not family.chat_format.capabilities.reasoning:
        return
    rows = family.rows(THINKING[0], thinking="keep")
    trained = [
        family.tokenizer.decode(row.input_ids[start:end]) for row in rows for start, end in loss_spans(row.labels)
    ]
    thoughts = [message.reasoning for message in THINKING[0].messages if message.reasoning]
    assert len(rows) == 2  # a question drops what was thought before it
    assert len(trained) == len(thoughts)
    assert all(thought in turn for thought, turn in zip(thoughts, trained, strict=True))


@pytest.mark.parametrize("shape", [*SHAPES, *OPENING, *THINKING], ids=shown)
def test_row_text_ids_and_mask_equal_apply_chat_template(shape: Trajectory, family: Family) -> None:
    messages = template_messages(trajectory_messages(shape))
    if not family.chat_format.capabilities.reasoning:
        messages = [{key: value for key, value in one.items() if key != "reasoning_content"} for one in messages]
    for mode in (CatalogMode.NONE, CatalogMode.FULL):
        rows = render_rows(messages, chat_format=family.chat_format, catalog_mode=mode, tools=TOOLS)
        for row in rows:
            ours = family.encoder.encode_row(row.segments)
            theirs = family.installed(mode).apply_chat_template(
                messages[: row.message_indices[-1] + 1],
                tools=TOOLS,
                return_dict=True,
                return_assistant_tokens_mask=True,
            )
            served = len(ours.input_ids)  # a newline may follow the last turn
            assert ours.input_ids == theirs["input_ids"][:served]
            masked = [label != NO_LOSS for label in ours.labels]
            if len(rows) == 1:
                assert masked == [bool(mark) for mark in theirs["assistant_masks"][:served]]
            else:  # the turns of earlier rows are history here
                assert all(mark for mark, trained in zip(theirs["assistant_masks"], masked, strict=False) if trained)


def test_forty_tools_stand_in_the_prompt_by_mode(family: Family) -> None:
    assert len(FORTY) >= 40
    texts = {
        mode: family.installed(mode).apply_chat_template(
            [{"role": "user", "content": "a"}], tools=FORTY, tokenize=False, add_generation_prompt=True
        )
        for mode in CatalogMode
    }
    names = [tool["function"]["name"] for tool in FORTY]
    assert not any(name in texts[CatalogMode.NONE] for name in names)
    assert all(name in texts[CatalogMode.NAMES] for name in names)
    assert all(tool["function"]["description"] in texts[CatalogMode.FULL] for tool in FORTY)
    assert len(texts[CatalogMode.NONE]) < len(texts[CatalogMode.NAMES]) < len(texts[CatalogMode.FULL])
    assert texts[CatalogMode.NONE] == family.tokenizer.apply_chat_template(
        [{"role": "user", "content": "a"}], tokenize=False, add_generation_prompt=True
    )
    assert refuted(family.proven(SHAPES[1], mode=CatalogMode.FULL, tools=FORTY)) == []


def test_parser_reads_text_and_calls_and_refuses_a_cut_one(family: Family) -> None:
    messages = [{"role": "user", "content": "x"}, *template_messages(trajectory_messages(SHAPES[3]))[1:2]]
    text, spans = render(messages, template=family.chat_format.template(catalog_mode=CatalogMode.NONE))
    answer = text[slice(*spans[-1])]
    turn = parse_assistant(answer, family.chat_format)
    assert (turn.text, turn.malformed) == ("Let me compute.", ())
    assert [(call.name, json.loads(call.arguments_json)) for call in turn.calls] == [
        ("calculate", {"expression": "2+3"})
    ]
    marker = family.chat_format.call_marker
    end = max(answer.rfind(stop) for stop in family.chat_format.stop_tokens)
    for cut in range(answer.index(marker) + len(marker), end):
        read = parse_assistant(answer[:cut], family.chat_format)
        assert read.malformed or read == turn


def test_reasoning_of_the_family_is_recognized_in_logs(family: Family) -> None:
    """A log that holds the family's reasoning inside its text is not read as plain text."""
    reasoning = family.chat_format.response_template["fields"].get("reasoning_content")
    assert (reasoning is not None) is family.chat_format.capabilities.reasoning
    if reasoning is not None:
        assert MARK.match(reasoning["open"]), "add it to ingest/parsing/reasoning_marks.py"


def test_whole_call_is_recognized_without_the_parser(family: Family) -> None:
    """`parse_faults` tells a call that our parser lost from one that the model spoilt, in the family's syntax too."""
    messages = [{"role": "user", "content": "x"}, *template_messages(trajectory_messages(SHAPES[3]))[1:2]]
    text, spans = render(messages, template=family.chat_format.template(catalog_mode=CatalogMode.NONE))
    answer = text[slice(*spans[-1])]
    call = answer[answer.index(family.chat_format.call_marker) :]
    for stop in family.chat_format.stop_tokens:
        call = call.removesuffix(stop)
    fault = parse_fault(text="", finished=True, malformed=[call], called=False)
    assert fault is ParseFault.LOST, "teach its syntax to evaluation/models/parse_faults.py"
    assert parse_fault(text="", finished=True, malformed=[call[: len(call) // 2]], called=False) is ParseFault.MALFORMED


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)


@given(said=st.text(max_size=20), arguments=st.lists(st.dictionaries(st.text(max_size=5), values), max_size=3))
@settings(max_examples=60, deadline=None)
def test_parser_is_the_inverse_of_the_template(said: str, arguments: list[dict[str, Any]], family: Family) -> None:
    message = assistant(said, *((f"tool_{number}", value) for number, value in enumerate(arguments)))
    messages = template_messages(trajectory_messages(trajectory("t", user("x"), message)))
    text, spans = render(messages, template=family.chat_format.template(catalog_mode=CatalogMode.NONE))
    parsed = family.tokenizer.parse_response(text[slice(*spans[0])], prefix=text[: spans[0][0]])
    read = [call["function"] for call in parsed.get("tool_calls", ())]
    oracle = ORACLES[family.chat_format.name]
    assert [(one["name"], json.dumps(one["arguments"], sort_keys=True)) for one in read] == oracle.expected_calls(
        message
    )
    assert parsed.get("content", "") == oracle.expected_text(message)
