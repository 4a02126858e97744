"""Readable calls, spoilt calls and calls that only a broken parser loses, distinguished."""

from __future__ import annotations

import dataclasses

import pytest

from toolft_pipeline.chat.formats import get_format
from toolft_pipeline.chat.rendering.parsing import parse_assistant
from toolft_pipeline.evaluation.models.parse_faults import ParseFault, parse_fault
from toolft_pipeline_tests.evaluation.scripted import call

GEMMA = get_format("gemma3")
BROKEN_PARSER = dataclasses.replace(
    GEMMA,
    response_template={
        **GEMMA.response_template,
        "fields": {
            **GEMMA.response_template["fields"],
            "tool_calls": {**GEMMA.response_template["fields"]["tool_calls"], "open_pattern": r"\s*<function_call>"},
        },
    },
)
WHOLE = call("calculate", expression="1 + {2}")


def _fault(text: str, *, finished: bool = True, chat_format: object = GEMMA) -> ParseFault | None:
    turn = parse_assistant(text, chat_format)  # type: ignore[arg-type]
    return parse_fault(text=turn.text, finished=finished, malformed=turn.malformed, called=bool(turn.calls))


@pytest.mark.parametrize("text", [WHOLE, f"Let me see.\n{WHOLE}", WHOLE * 2, "It is 3.", "Use {braces} {}", ""])
def test_parse_fault_turn_that_is_read_has_none(text: str) -> None:
    assert _fault(text) is None


@pytest.mark.parametrize(
    "text",
    [
        WHOLE[:-15],
        '<tool_call>{"name": "calculate"}</tool_call>',
        '<tool_call>{"name": "calculate", "arguments": "1 + 2"}</tool_call>',
        "<tool_call>calculate(1 + 2)</tool_call>",
        WHOLE + '<tool_call>{"name": "calc',
        WHOLE + "<start_of_turn>user",
    ],
)
def test_parse_fault_what_no_reader_takes_for_a_call_is_the_models(text: str) -> None:
    assert _fault(text) is ParseFault.MALFORMED


@pytest.mark.parametrize("text", [WHOLE, f"Let me see.\n{WHOLE}\n", WHOLE * 2])
def test_parse_fault_whole_call_that_a_parser_loses_is_the_parsers(text: str) -> None:
    assert _fault(text, chat_format=BROKEN_PARSER) is ParseFault.LOST


def test_parse_fault_call_in_another_syntax_than_the_parsers_is_lost_not_an_answer() -> None:
    assert _fault('```json\n{"name": "calculate", "arguments": {"expression": "1"}}\n```') is ParseFault.LOST


def test_parse_fault_turn_without_an_end_is_cut() -> None:
    assert _fault(WHOLE, finished=False) is ParseFault.CUT


def test_parse_fault_whole_call_in_the_keys_of_llama_that_was_not_read_is_the_parsers() -> None:
    written = '{"name": "calculate", "parameters": {"expression": "1 + 2"}}'
    assert parse_fault(text="", finished=True, malformed=[written], called=False) is ParseFault.LOST
    assert parse_fault(text="", finished=True, malformed=[written[:-3]], called=False) is ParseFault.MALFORMED


@pytest.mark.parametrize(
    ("arguments", "fault"),
    [
        ('{city:<|"|>a{b} "c", d<|"|>,days:[1,2],deep:{on:true}}', ParseFault.LOST),
        ("{}", ParseFault.LOST),
        ('{city:<|"|>Rome<|"|>', ParseFault.MALFORMED),
        ('{city:<|"|>Rome}', ParseFault.MALFORMED),
        ("{city:Rome}", ParseFault.MALFORMED),
    ],
)
def test_parse_fault_tells_gemma_4_calls_apart_when_its_parser_loses_them(arguments: str, fault: ParseFault) -> None:
    gemma4 = get_format("gemma4")
    fields = gemma4.response_template["fields"]
    call_field = {**fields["tool_calls"], "open_pattern": r"\s*<\|function>"}
    template = {**gemma4.response_template, "fields": {**fields, "tool_calls": call_field}}
    broken = dataclasses.replace(gemma4, response_template=template)
    written = f"<|tool_call>call:weather{arguments}<tool_call|>"
    assert _fault(written, chat_format=broken) is fault
    assert (_fault(written, chat_format=gemma4) is None) is (fault is ParseFault.LOST)
