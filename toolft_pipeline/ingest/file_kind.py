"""Files that are no logs of one run or span a line, told by how they begin.

Invariant: a file is named only where it is of another kind as a whole. A log with an odd line in it, be it the first,
is none: its lines are read, and what is no run is rejected one by one.
"""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path
from typing import Any

import msgspec

from toolft_pipeline.ingest.formats import recognize_format
from toolft_pipeline.ingest.parsing.log_lines import BYTE_ORDER_MARK, read_head

HEAD_BYTES = 1 << 20
"""What is looked at: a JSON document that goes on over so many bytes and several lines is no line of a log."""

_MAGIC = tuple(
    (re.compile(begins), what, mend)
    for begins, what, mend in (
        (rb"\xfd7zXZ\x00", "packed with xz", "`xz -dc {file} > {new}`"),
        (rb"BZh[1-9]1AY&SY", "packed with bzip2", "`bzip2 -dc {file} > {new}`"),
        (rb"PK\x03\x04", "a zip archive", "`unzip -p {file} > {new}`"),
        (rb"\x1f\x8b\x08", "packed with gzip", "`gzip -dc < {file} > {new}`, or let its name end in .jsonl.gz"),
        (rb"\x28\xb5\x2f\xfd", "packed with zstd", "`zstd -dc {file} > {new}`, or let its name end in .jsonl.zst"),
        (rb"PAR1", "a parquet table", "write its rows as JSON lines (pandas: `to_json(orient='records', lines=True)`)"),
        (rb"\xff\xfe\x00\x00|\x00\x00\xfe\xff", "UTF-32", "`{unpack}iconv -f UTF-32 -t UTF-8 {file} > {new}`"),
        (rb"\xff\xfe[^\x00]\x00|\xfe\xff\x00", "UTF-16", "`{unpack}iconv -f UTF-16 -t UTF-8 {file} > {new}`"),
        (rb"[{\[]\x00[^\x00]\x00", "UTF-16", "`{unpack}iconv -f UTF-16LE -t UTF-8 {file} > {new}`"),
        (rb"\x00[{\[]\x00[^\x00]", "UTF-16", "`{unpack}iconv -f UTF-16BE -t UTF-8 {file} > {new}`"),
    )
)

_SPREAD = ("one JSON document over many lines", "`{unpack}jq -c . {file} > {new}`")
_ARRAY = ("a JSON array of runs", "`{unpack}jq -c '.[]' {file} > {new}`")


def not_a_log(path: Path) -> str | None:
    """What the file is instead of a log, what is wanted and how to mend it, in one line; None for what is read line by
    line. Raises `OSError` where it cannot be opened."""
    head = read_head(path, HEAD_BYTES + 1)
    for begins, what, mend in _MAGIC:
        if begins.match(head):
            return _said(what, mend, path)
    found = _document(head[:HEAD_BYTES], whole=len(head) <= HEAD_BYTES)
    return None if found is None else _said(*found, path)


def _said(what: str, mend: str, path: Path) -> str:
    new = f"{path.name.partition('.')[0]}.lines.jsonl"
    packed = {".gz": "gzip -dc {} | ", ".zst": "zstd -dc {} | "}.get(path.suffix, "")
    file = shlex.quote(path.name)
    mend = mend.format(file="" if packed else file, new=shlex.quote(new), unpack=packed.format(file)).replace("  ", " ")
    return f"is {what}, and one run or span a line is wanted, as UTF-8; {mend}, and take that in its place"


def _document(head: bytes, *, whole: bool) -> tuple[str, str] | None:
    """Whether a file that begins so is one document, or several, rather than a line each."""
    text = head.removeprefix(BYTE_ORDER_MARK).strip()
    if not text.startswith((b"{", b"[")):
        return None
    value, end = _first_value(text)
    if end and b"\n" not in text[:end]:  # a line by itself
        return _ARRAY if whole and end == len(text) and _of_runs(value) else None
    if end:
        return None if _begins_with_a_line(text[end:].lstrip()) else _ARRAY if _of_runs(value) else _SPREAD
    lines = b"\n" in text
    if whole or (lines and not _goes_on(text)):
        return None
    first, _ = _first_value(text[1:].lstrip()) if text.startswith(b"[") else (None, 0)
    return _ARRAY if _of_runs([first]) else _SPREAD if lines else None


def _first_value(text: bytes) -> tuple[Any, int]:
    """The JSON value that a text begins with and the number of its bytes; 0 where it is not there as a whole."""
    said = text.decode("utf-8", "surrogateescape")
    try:
        value, end = _DECODER.raw_decode(said)
    except (ValueError, RecursionError):
        return None, 0
    return value, len(said[:end].encode("utf-8", "surrogateescape"))


_DECODER = json.JSONDecoder()


def _begins_with_a_line(text: bytes) -> bool:
    """Whether a text begins with a JSON value that is a line by itself: what is before it was one odd run of a log."""
    _, end = _first_value(text)
    return end > 0 and b"\n" not in text[:end]


def _goes_on(text: bytes) -> bool:
    """Whether the whole lines of a text are the beginning of one JSON document. Three of them leave no doubt: a line
    of a log that breaks off is followed by another run, and that by one more, which no document can hold unparted."""
    lines = text[: text.rindex(b"\n")]
    if lines.count(b"\n") < 2:
        return False
    try:
        msgspec.json.decode(lines, type=msgspec.Raw)
    except RecursionError:
        return False
    except msgspec.DecodeError as error:
        return "truncated" in str(error)
    return False


def _of_runs(value: Any) -> bool:
    """Whether a value is a list of what should be a line each, and no list of one run's messages."""
    first = value[0] if isinstance(value, list) and value else None
    return isinstance(first, dict) and ("messages" in first or recognize_format(first) is not None)
