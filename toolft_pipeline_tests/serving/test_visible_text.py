"""What of a turn is shown before its end: never a part of a call, always the beginning of the parsed text."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from toolft_pipeline.chat.formats import FORMATS
from toolft_pipeline.chat.rendering.parsing import parse_assistant
from toolft_pipeline.serving.visible_text import VisibleText

_CALLS = {
    "chatml": '<tool_call>\n{"name": "f", "arguments": {"a": 1}}\n</tool_call>',
    "qwen3": '<tool_call>\n{"name": "f", "arguments": {"a": 1}}\n</tool_call>',
    "gemma3": '<tool_call>{"name": "f", "arguments": {"a": 1}}</tool_call>',
    "gemma4": "<|tool_call>call:f{a:1}<tool_call|>",
    "llama3": '{"name": "f", "parameters": {"a": 1}}',
}
_WORDS = [
    "Hello",
    " ",
    "\n",
    "\n\n",
    "<",
    "<b>",
    "{",
    '{"',
    '{"name"',
    "<tool",
    "<|",
    "</",
    "end",
    "\u2028",
    "x\ty",
    "<|im",
]


@pytest.mark.parametrize("name", sorted(FORMATS))
@given(data=st.data())
@settings(max_examples=80, deadline=None)
def test_shown_text_begins_the_parsed_text(name: str, data: st.DataObject) -> None:
    chat_format = FORMATS[name]
    pieces = st.sampled_from([*_WORDS, _CALLS[name], chat_format.call_marker, *chat_format.control_strings[:6]])
    text = "".join(data.draw(st.lists(pieces, max_size=7)))
    borders = sorted(data.draw(st.sets(st.integers(0, len(text)), max_size=12)))
    visible = VisibleText(chat_format)
    for start, end in zip([0, *borders], [*borders, len(text)], strict=True):
        before = visible.shown
        new = visible.feed(text[start:end])
        assert visible.shown == before + new
        assert not any(marker in visible.shown for marker in (chat_format.call_marker, *chat_format.control_strings))
    whole = VisibleText(chat_format)
    whole.feed(text)
    assert whole.shown == visible.shown  # whatever the borders
    turn = parse_assistant(text, chat_format)
    assert turn.malformed or turn.text.startswith(visible.shown)


def test_text_is_shown_as_soon_as_no_marker_can_come_of_it() -> None:
    visible = VisibleText(FORMATS["chatml"])
    shown = [visible.feed(part) for part in [" Ada", " <", "b> is", " here", "\n<tool_", "call>", "{}", "more"]]
    assert shown == ["Ada", "", " <b> is", " here", "", "", "", ""]
    assert visible.held_for_parser
