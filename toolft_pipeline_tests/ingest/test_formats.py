"""A file shows its own format."""

from __future__ import annotations

import json
from pathlib import Path
from typing import get_args

import pytest

from toolft_pipeline.ingest.formats import READERS, SPAN_FORMATS, detect_format
from toolft_pipeline.ingest.log_file import LogFile
from toolft_pipeline.settings import LogSettings
from toolft_pipeline_tests.ingest.attribute_exports import agents_sdk_trace, phoenix_spans
from toolft_pipeline_tests.ingest.span_exports import EXPORTS
from toolft_pipeline_tests.ingest.test_readers import ROWS, langchain_row

MORE_EXPORTS = {"agents_sdk": agents_sdk_trace, "span_rows": phoenix_spans}
PLAIN = {"messages": [{"role": "user", "content": "hi"}, {"role": "assistant", "content": "hello"}]}


def shown(tmp_path: Path, *lines: object) -> str | None:
    path = tmp_path / "2026-10-01.jsonl"
    written = (line if isinstance(line, bytes) else json.dumps(line).encode() for line in lines)
    path.write_bytes(b"\n".join(written))
    return detect_format(path, max_line_bytes=100_000)


@pytest.mark.parametrize("format_", READERS)
def test_format_of_is_told_by_the_first_line_that_leaves_no_doubt(format_: str, tmp_path: Path) -> None:
    assert shown(tmp_path, b"", b"not json", b"\xff\xfe", PLAIN, b"[" * 90, 7, ROWS[format_]()) == format_


@pytest.mark.parametrize("format_", SPAN_FORMATS)
def test_format_of_spans_is_told_by_one_line(format_: str, tmp_path: Path) -> None:
    for row in (EXPORTS | MORE_EXPORTS)[format_]():
        assert shown(tmp_path, PLAIN, row) == format_


def test_settings_name_every_format_that_can_be_read() -> None:
    named = get_args(LogSettings.model_fields["format"].annotation)
    assert set(named) == {"auto", *READERS, *SPAN_FORMATS}


def test_format_of_a_bare_list_is_langchain(tmp_path: Path) -> None:
    assert shown(tmp_path, langchain_row()["messages"]) == "langchain"


@pytest.mark.parametrize("lines", [(), (PLAIN,), (b"{",), ({"messages": 3},), ({"messages": [3, None]},), (None,)])
def test_format_of_what_does_not_tell_is_none_and_read_as_openai(lines: tuple[object, ...], tmp_path: Path) -> None:
    assert shown(tmp_path, *lines) is None
    file = LogFile(tmp_path / "2026-10-01.jsonl", format_="auto", max_line_bytes=100_000)
    assert (file.format, file.told) == ("openai", False)
