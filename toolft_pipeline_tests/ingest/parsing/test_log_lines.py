from __future__ import annotations

import gzip
import hmac
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from toolft_pipeline.ingest.parsing.log_lines import read_lines
from toolft_pipeline.ingest.parsing.rejects import RejectReason

PACKED: dict[str, Callable[[bytes], bytes]] = {
    "": bytes,
    ".gz": lambda data: gzip.compress(data, mtime=0),
    ".zst": lambda data: pa.compress(data, codec="zstd", asbytes=True),
}


def zeros(megabytes: int, *, ending: str) -> bytes:
    """An archive of nothing but zeros, one packed megabyte after the other."""
    return PACKED[ending](b"0" * (1 << 20)) * megabytes


def write(folder: Path, data: bytes, *, ending: str = "") -> Path:
    path = folder / f"day.jsonl{ending}"
    path.write_bytes(PACKED[ending](data))
    return path


@given(
    data=st.lists(st.sampled_from([b"{}", b"\n", b" ", b"a" * 9, b"\xff", b"\r"])).map(b"".join),
    ending=st.sampled_from(sorted(PACKED)),
)
@settings(max_examples=200)
def test_lines_any_bytes_each_line_starts_where_it_says(
    data: bytes, ending: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    lines = list(
        read_lines(write(tmp_path_factory.mktemp("lines"), data, ending=ending), max_line_bytes=16, key=b"key")
    )
    expected = data.split(b"\n")
    expected = expected[:-1] if expected[-1] == b"" else expected
    assert [line.number for line in lines] == list(range(1, len(expected) + 1))
    for line, whole in zip(lines, expected, strict=True):
        assert data[line.offset : line.offset + len(whole)] == whole
        assert line.data == whole[:16]
        assert (line.rejection is not None) is (len(whole) > 16)


def test_too_long_line_is_rejected_and_the_next_one_read(tmp_path: Path) -> None:
    lines = list(read_lines(write(tmp_path, b"x" * 3_000_000 + b"\n{}\n"), max_line_bytes=100, key=b"key"))
    assert lines[0].rejection is not None
    assert lines[0].rejection.reason is RejectReason.LINE_TOO_LONG
    assert len(lines[0].data) == 100
    assert (lines[1].number, lines[1].offset, lines[1].data) == (2, 3_000_001, b"{}")


def test_lines_line_of_exactly_the_cap_is_read(tmp_path: Path) -> None:
    lines = list(read_lines(write(tmp_path, b"x" * 100 + b"\n" + b"y" * 100), max_line_bytes=100, key=b"key"))
    assert [(len(line.data), line.rejection) for line in lines] == [(100, None), (100, None)]


@pytest.mark.parametrize(
    ("damage", "ending"),
    [
        *((damage, ending) for damage in ("cut", "no block", "no archive") for ending in (".gz", ".zst")),
        (
            "overwritten",
            ".gz",
        ),  # Arrow packs zstd without a checksum
    ],
)
def test_broken_archive_gives_its_lines_then_one_reject(tmp_path: Path, damage: str, ending: str) -> None:
    path = write(tmp_path, b"".join(b'{"n": %d}\n' % n for n in range(500_000)), ending=ending)
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
    lines = list(read_lines(path, max_line_bytes=100, key=b"key"))
    assert lines[-1].rejection is not None
    assert lines[-1].rejection.reason is RejectReason.BROKEN_ARCHIVE
    assert (len(lines) > 1) is (damage in ("cut", "overwritten"))


def test_byte_order_mark_and_blank_lines_are_skipped(tmp_path: Path) -> None:
    lines = list(read_lines(write(tmp_path, b"\xef\xbb\xbf{}\n\n \t\r\n{}"), max_line_bytes=100, key=b"key"))
    assert [line.data for line in lines if not line.blank] == [b"{}", b"{}"]
    assert sum(line.blank for line in lines) == 2


@pytest.mark.parametrize("ending", [".gz", ".zst"])
def test_archive_above_the_ratio_ends_in_one_reject(tmp_path: Path, ending: str) -> None:
    lines = list(
        read_lines(
            write(tmp_path, b"{}\n" + b"0" * 200_000_000 + b"\n{}\n", ending=ending), max_line_bytes=9, key=b"key"
        )
    )
    assert lines[0].data == b"{}"
    assert lines[-1].rejection is not None
    assert lines[-1].rejection.reason is RejectReason.ARCHIVE_TOO_DENSE


@pytest.mark.parametrize("ending", [".gz", ".zst"])
def test_archive_with_one_endless_line_stops_at_the_ratio(ending: str, tmp_path: Path) -> None:
    path = tmp_path / f"day.jsonl{ending}"
    path.write_bytes(zeros(80, ending=ending) + b"\xff" * 20)  # whoever unpacks it to the end finds it broken
    (line,) = read_lines(path, max_line_bytes=9, key=b"key")
    assert line.rejection is not None
    assert line.rejection.reason is RejectReason.ARCHIVE_TOO_DENSE


def test_line_hmac_is_that_of_the_bytes_in_the_file(tmp_path: Path) -> None:
    mark, long = b"\xef\xbb\xbf", b"x" * 3_000_000
    whole = [mark + b"{}", long + b"1", long + b"2", b"y" * 101, b"{}"]
    lines = list(read_lines(write(tmp_path, b"\n".join(whole)), max_line_bytes=100, key=b"key"))
    assert [line.hmac_by(b"key") for line in lines] == [hmac.digest(b"key", line, "sha256").hex() for line in whole]
    (line,) = read_lines(write(tmp_path, mark + long), max_line_bytes=100, key=b"key")
    assert line.hmac_by(b"key") == hmac.digest(b"key", mark + long, "sha256").hex()


@pytest.mark.parametrize("ending", [".gz", ".zst"])
def test_rest_of_an_archive_has_the_hmac_of_the_file(ending: str, tmp_path: Path) -> None:
    path = tmp_path / f"day.jsonl{ending}"
    for packed in (zeros(70, ending=ending), zeros(1, ending=ending)[:-4], b"no archive"):
        path.write_bytes(packed)
        *_, rest = read_lines(path, max_line_bytes=9, key=b"key")
        assert rest.hmac_by(b"key") == hmac.digest(b"key", packed, "sha256").hex()
