"""A failed call is known by what its result says, in the words of whichever library wrote it."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mcp.server.fastmcp.exceptions import ToolError
from mcp.server.fastmcp.tools import Tool

from toolft_pipeline.settings import VerificationSettings
from toolft_pipeline.trajectories.record import Part
from toolft_pipeline.trajectories.tool_failure import ERROR_PREFIX, failed_result, is_error
from toolft_pipeline_tests.conversations import result, says, user


def failed(text: str, *forms: str) -> bool:
    return is_error(result("c1", "get_order", text), forms)


@pytest.mark.parametrize(
    "text",
    [
        "Error: no such order",
        "Error: KeyError('O-9')\n Please fix your mistakes.",
        "Error: buy is not a valid tool, try one of [get_order].",
        "Error invoking tool 'get_order' with kwargs {'n': 'x'} with error:\n n: not a number\n Please fix the error.",
        "Error calling tool 'get_order': gone",
        "An error occurred while running the tool. Please try again. Error: gone",
        '{"error": "No such directory: /tmp"}',
        '{"success": false, "error": {"code": 404}}',
        '{"isError": true, "content": []}',
        '{\n  "error" : true}',
    ],
)
def test_failure_in_a_librarys_own_words_is_an_error(text: str) -> None:
    assert failed(text)


def test_failure_that_mcps_own_server_writes_is_an_error() -> None:
    def get_order(n: int) -> str:
        raise KeyError(n)

    with pytest.raises(ToolError) as raised:
        asyncio.run(Tool.from_function(get_order).run({"n": 9}))
    assert failed(str(raised.value))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "No error: all is well",
        "Errors of the last day: none",
        '{"error": null, "state": "sent"}',
        '{"error": "", "state": "sent"}',
        '{"error": false}',
        '{"error": {}}',
        '{"error": 0.03, "mean": 1.2}',
        '{"error_rate": "high"}',
        '{"isError": false}',
        '{"last_log": "Error: disk full"}',
        '{"log": {"error": "disk full"}}',
        '[{"error": "disk full"}]',
        '{"error": "cut o',
        '{"state": "' + "x" * 100 + '", "error": "far behind"}',
        '{"error":' + "[" * 50_000,
        '{"error": "\ud800',
    ],
)
def test_result_that_speaks_of_errors_or_is_none_is_no_error(text: str) -> None:
    assert not failed(text)


def test_error_that_another_than_a_tool_says_is_none() -> None:
    assert not is_error(user("Error: what is this?"))
    assert not is_error(says("Error: I cannot."), ("Error",))


def test_form_that_the_agent_file_names_is_an_error_where_a_result_begins() -> None:
    assert failed("FEHLER 12", "FEHLER", r"\[E\d+\]")
    assert failed("[E17] gone", "FEHLER", r"\[E\d+\]")
    assert not failed("no FEHLER", "FEHLER", r"\[E\d+\]")
    assert not failed("FEHLER 12")


def test_form_that_is_no_regular_expression_is_refused_by_name() -> None:
    with pytest.raises(ValueError, match=r"'\(' is not a valid regular expression"):
        VerificationSettings(error_forms=("ok", "("))


def test_form_that_matches_every_result_is_refused() -> None:
    with pytest.raises(ValueError, match="matches every result"):
        VerificationSettings(error_forms=(".*",))


def test_failed_result_begins_as_the_record_writes_failures_and_alters_nothing() -> None:
    for text, before in (("nobody", True), ("Error: nobody", False), ('{"error": "nobody"}', False)):
        content = (Part(type="text", text=text),)
        assert failed_result(content) == ((Part(type="text", text=ERROR_PREFIX), *content) if before else content)
    assert failed_result(()) == (Part(type="text", text=ERROR_PREFIX),)


@given(text=st.text() | st.text().map('{"error":'.__add__) | st.text().map('{"isError":'.__add__))
def test_any_text_is_an_error_or_none(text: str) -> None:
    content = (Part(type="text", text=text),)
    assert failed(text) in (True, False)
    assert failed("".join(part.text or "" for part in failed_result(content)))
