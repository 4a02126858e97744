from __future__ import annotations

from pathlib import Path

import pytest

from toolft_pipeline.ingest.parsing.python_reprs import is_python_repr
from toolft_pipeline.ingest.parsing.rejects import Rejection, RejectReason
from toolft_pipeline_tests.curation.dedup.test_conversation_prefixes import LINES
from toolft_pipeline_tests.ingest.parsing.test_inline_reasoning import logged
from toolft_pipeline_tests.ingest.span_runs import ALL

PRINTED = "ResponseFunctionToolCall(arguments='{\"city\":\"Lyon\"}', call_id='call_Zoka', name='get_weather')"


@pytest.mark.parametrize(
    "text",
    [
        PRINTED,
        f"[{PRINTED}]",
        f" {PRINTED}",
        "[ChatCompletionMessageFunctionToolCall(id='c1', function=Function(arguments='{}', name='f'))]",
        "ChatCompletionMessage(content=None, role='assistant', tool_calls=[])",
        "AIMessage(content='', tool_calls=[])",
        "[ToolUseBlock(id='t', input={}, name='f', type='tool_use')]",
        "openai.types.responses.ResponseOutputMessage(id='m')",
    ],
)
def test_python_repr_is_recognized(text: str) -> None:
    assert is_python_repr(text)


@pytest.mark.parametrize(
    "text", ["", "Call AIMessage(content='x') first.", "Response time (ms) = 3", "f(x=1)", "[1](a)"]
)
def test_text_that_is_no_printed_object_stays(text: str) -> None:
    assert not is_python_repr(text)


@pytest.mark.parametrize("format_", [*LINES, *ALL])
def test_every_format_refuses_a_printed_call_as_an_answer(
    format_: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = logged(format_, PRINTED, tmp_path / "log.jsonl", monkeypatch)
    assert isinstance(run, Rejection)
    assert run.reason is RejectReason.LOSSY_EXPORT
    assert "Lyon" not in run.detail
