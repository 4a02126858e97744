"""Answers of baselines in the spellings that servers accept, and nothing beyond them."""

from __future__ import annotations

import json

import pytest

from toolft_pipeline.chat.formats import get_format
from toolft_pipeline.evaluation.models.generation import Generation
from toolft_pipeline.evaluation.models.reading import read_native, read_turn

LLAMA3 = get_format("llama3")
CALL = '{"name": "search", "parameters": {"query": "x"}}'


def _said(text: str, *, finished: bool = True) -> Generation:
    return Generation(text=text, n_prompt_tokens=1, n_new_tokens=1, latency_ms=1.0, finished=finished)


@pytest.mark.parametrize(
    ("text", "calls"),
    [
        (CALL, 1),
        (f"<|python_tag|>{CALL}", 1),
        (f"{CALL}; {CALL}", 2),
        (f"{CALL}\n{CALL}", 2),
        (f"[{CALL}, {CALL}]", 2),
        (CALL.replace("parameters", "arguments"), 1),
        (f'{{"type": "function", {CALL[1:]}', 1),
    ],
)
def test_read_native_llama3_reads_a_call_as_its_models_write_it(text: str, calls: int) -> None:
    turn = read_native(_said(text), LLAMA3)
    assert [(call.name, json.loads(call.arguments_json)) for call in turn.calls] == [("search", {"query": "x"})] * calls
    assert turn.malformed == ()


@pytest.mark.parametrize(
    "text",
    [
        "I looked it up.",
        f"{CALL[:-1]}",
        '{"name": "search"}',
        '{"name": "search", "parameters": "x"}',
        '<|python_tag|>search.call(query="x")',
        '{"weather": "fine"}',
        "",
    ],
)
def test_read_native_llama3_takes_nothing_else_for_a_call(text: str) -> None:
    assert read_native(_said(text), LLAMA3).calls == ()


def test_read_native_a_cut_answer_is_malformed_even_if_it_ends_in_a_whole_call() -> None:
    assert read_native(_said(CALL, finished=False), LLAMA3).malformed == (CALL,)


def test_read_turn_of_a_tuned_model_accepts_no_other_spelling() -> None:
    """What was trained is what is served: a server's parser would be asked for exactly this."""
    assert read_turn(_said(f"<|python_tag|>{CALL}"), LLAMA3).calls == ()
