from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from toolft_pipeline.verification.redaction.unescape_map import unescape_levels

texts = st.text(st.characters(codec="utf-8", max_codepoint=0xFFFF), max_size=30)


@given(texts, texts, texts, st.booleans())
def test_views_span_maps_back_to_the_escapes_that_it_was_written_with(
    before: str, value: str, after: str, ascii_: bool
) -> None:
    escape = json.JSONEncoder(ensure_ascii=ascii_).encode
    inner = [escape(text)[1:-1] for text in (before, value, after)]
    outer = [escape(text)[1:-1] for text in inner]
    levels = unescape_levels("".join(outer))
    if len(levels) < 3:
        levels += [levels[-1]] * 2
    decoded = levels[2]
    if decoded.text[len(before) : len(before) + len(value)] != value:
        assert "\\" in before + value + after  # read one level too far: the text itself holds escapes
        return
    if decoded.text.startswith(before) and value:
        start, end = decoded.written(len(before), len(before) + len(value))
        assert "".join(outer)[start:end] == outer[1]


def test_views_text_without_escapes_is_its_only_view() -> None:
    assert [view.text for view in unescape_levels("C:\\Users\\x")] == ["C:\\Users\\x"]
    assert [view.text for view in unescape_levels("plain")] == ["plain"]


def test_views_half_an_escape_and_half_a_character_do_no_harm() -> None:
    assert unescape_levels("\\u12")[-1].text == "\\u12"
    assert unescape_levels("\\ud83d!")[-1].text == "\ufffd!"
    assert len(unescape_levels("\\" * 64 + "n")) == 7
