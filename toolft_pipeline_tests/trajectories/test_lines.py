from __future__ import annotations

import gzip
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from toolft_pipeline.trajectories.lines import read_lines
from toolft_pipeline.trajectories.rejects import RejectReason


def write(folder: Path, data: bytes, *, packed: bool = False) -> Path:
    path = folder / ("day.jsonl.gz" if packed else "day.jsonl")
    path.write_bytes(gzip.compress(data, mtime=0) if packed else data)
    return path


@given(
    data=st.lists(st.sampled_from([b"{}", b"\n", b" ", b"a" * 9, b"\xff", b"\r"])).map(b"".join), packed=st.booleans()
)
@settings(max_examples=200)
def test_lines_any_bytes_each_line_starts_where_it_says(
    data: bytes, packed: bool, tmp_path_factory: pytest.TempPathFactory
) -> None:
    lines = list(read_lines(write(tmp_path_factory.mktemp("lines"), data, packed=packed), max_line_bytes=16))
    expected = data.split(b"\n")
    expected = expected[:-1] if expected[-1] == b"" else expected
    assert [line.number for line in lines] == list(range(1, len(expected) + 1))
    for line, whole in zip(lines, expected, strict=True):
        assert data[line.offset : line.offset + len(whole)] == whole
        assert line.data == whole[:16]
        assert (line.rejection is not None) is (len(whole) > 16)


def test_lines_too_long_line_is_refused_and_the_next_one_read(tmp_path: Path) -> None:
    lines = list(read_lines(write(tmp_path, b"x" * 3_000_000 + b"\n{}\n"), max_line_bytes=100))
    assert lines[0].rejection is not None
    assert lines[0].rejection.reason is RejectReason.LINE_TOO_LONG
    assert len(lines[0].data) == 100
    assert (lines[1].number, lines[1].offset, lines[1].data) == (2, 3_000_001, b"{}")


def test_lines_line_of_exactly_the_cap_is_read(tmp_path: Path) -> None:
    lines = list(read_lines(write(tmp_path, b"x" * 100 + b"\n" + b"y" * 100), max_line_bytes=100))
    assert [(len(line.data), line.rejection) for line in lines] == [(100, None), (100, None)]


@pytest.mark.parametrize("damage", ["cut", "overwritten", "no block", "not gzip"])
def test_lines_broken_archive_gives_what_was_read_then_one_reject(tmp_path: Path, damage: str) -> None:
    path = write(tmp_path, b"".join(b'{"n": %d}\n' % n for n in range(50_000)), packed=True)
    packed = bytearray(path.read_bytes())
    if damage == "cut":
        packed = packed[: len(packed) // 2]
    elif damage == "overwritten":
        middle = len(packed) // 2
        packed[middle : middle + 200] = b"\xff" * 200
    elif damage == "no block":
        packed[10] = 0xFF
    else:
        packed = bytearray(b"{}\n{}\n")
    path.write_bytes(packed)
    lines = list(read_lines(path, max_line_bytes=100))
    assert lines[-1].rejection is not None
    assert lines[-1].rejection.reason is RejectReason.BROKEN_ARCHIVE
    assert (len(lines) > 1) is (damage in ("cut", "overwritten"))


def test_lines_byte_order_mark_and_blank_lines_are_no_content(tmp_path: Path) -> None:
    lines = list(read_lines(write(tmp_path, b"\xef\xbb\xbf{}\n\n \t\r\n{}"), max_line_bytes=100))
    assert [line.data for line in lines if not line.blank] == [b"{}", b"{}"]
    assert sum(line.blank for line in lines) == 2
