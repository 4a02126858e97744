"""A file shows its own format."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from toolft_pipeline.trajectories.formats import READERS, format_of
from toolft_pipeline_tests.trajectories.test_readers import ROWS, langchain_row

PLAIN = {"messages": [{"role": "user", "content": "hi"}, {"role": "assistant", "content": "hello"}]}


def shown(tmp_path: Path, *lines: object) -> str:
    path = tmp_path / "2026-10-01.jsonl"
    written = (line if isinstance(line, bytes) else json.dumps(line).encode() for line in lines)
    path.write_bytes(b"\n".join(written))
    return format_of(path, max_line_bytes=100_000)


@pytest.mark.parametrize("format_", READERS)
def test_format_of_is_told_by_the_first_line_that_leaves_no_doubt(format_: str, tmp_path: Path) -> None:
    assert shown(tmp_path, b"", b"not json", b"\xff\xfe", PLAIN, b"[" * 90, 7, ROWS[format_]()) == format_


def test_format_of_a_bare_list_is_langchain(tmp_path: Path) -> None:
    assert shown(tmp_path, langchain_row()["messages"]) == "langchain"


@pytest.mark.parametrize("lines", [(), (PLAIN,), (b"{",), ({"messages": 3},), ({"messages": [3, None]},), (None,)])
def test_format_of_what_does_not_tell_is_openai(lines: tuple[object, ...], tmp_path: Path) -> None:
    assert shown(tmp_path, *lines) == "openai"
