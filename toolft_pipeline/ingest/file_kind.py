"""Recognize files that are not logs of one run or span a line, by how they begin.

Invariant: only a file that is something else as a whole is named. In a log with an odd line, even an odd first line,
each line is read and rejected by itself.
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
"""Bytes that are looked at: a JSON document that spans so many bytes and several lines is not a line of a log."""

_MAGIC = tuple(
    (re.compile(begins), what, fix)
    for begins, what, fix in (
        (rb"\xfd7zXZ\x00", "compressed with xz", "`xz -dc {file} > {new}`"),
        (rb"BZh[1-9]1AY&SY", "compressed with bzip2", "`bzip2 -dc {file} > {new}`"),
        (rb"PK\x03\x04", "a zip archive", "`unzip -p {file} > {new}`"),
        (rb"\x1f\x8b\x08", "compressed with gzip", "`gzip -dc < {file} > {new}`, or rename it to end in .jsonl.gz"),
        (rb"\x28\xb5\x2f\xfd", "compressed with zstd", "`zstd -dc {file} > {new}`, or rename it to end in .jsonl.zst"),
        (rb"PAR1", "a parquet table", "write its rows as JSON lines (pandas: `to_json(orient='records', lines=True)`)"),
        (rb"\xff\xfe\x00\x00|\x00\x00\xfe\xff", "UTF-32", "`{unpack}iconv -f UTF-32 -t UTF-8 {file} > {new}`"),
        (rb"\xff\xfe[^\x00]\x00|\xfe\xff\x00", "UTF-16", "`{unpack}iconv -f UTF-16 -t UTF-8 {file} > {new}`"),
        (rb"[{\[]\x00[^\x00]\x00", "UTF-16", "`{unpack}iconv -f UTF-16LE -t UTF-8 {file} > {new}`"),
        (rb"\x00[{\[]\x00[^\x00]", "UTF-16", "`{unpack}iconv -f UTF-16BE -t UTF-8 {file} > {new}`"),
    )
)

_MULTILINE_DOCUMENT = ("one JSON document over many lines", "`{unpack}jq -c . {file} > {new}`")
_ARRAY = ("a JSON array of runs", "`{unpack}jq -c '.[]' {file} > {new}`")


def not_a_log(path: Path) -> str | None:
    """Explain in one line what a file is instead of a log and how to convert it.

    None for a file of lines. Raises `OSError` if the file cannot be opened.
    """
    head = read_head(path, HEAD_BYTES + 1)
    for begins, what, fix in _MAGIC:
        if begins.match(head):
            return _message(what, fix, path)
    document = _document_kind(head[:HEAD_BYTES], whole=len(head) <= HEAD_BYTES)
    return None if document is None else _message(*document, path)


def _message(what: str, fix: str, path: Path) -> str:
    new = f"{path.name.partition('.')[0]}.lines.jsonl"
    unpack = {".gz": "gzip -dc {} | ", ".zst": "zstd -dc {} | "}.get(path.suffix, "")
    file = shlex.quote(path.name)
    fix = fix.format(file="" if unpack else file, new=shlex.quote(new), unpack=unpack.format(file)).replace("  ", " ")
    return f"is {what}, but a log has one run or span a line, in UTF-8; convert it: {fix}, and use the new file instead"


def _document_kind(head: bytes, *, whole: bool) -> tuple[str, str] | None:
    """Decide whether a file begins like JSON documents instead of lines."""
    text = head.removeprefix(BYTE_ORDER_MARK).strip()
    if not text.startswith((b"{", b"[")):
        return None
    value, end = _first_value(text)
    if end and b"\n" not in text[:end]:  # the value is on one line
        return _ARRAY if whole and end == len(text) and _is_array_of_runs(value) else None
    if end:
        if _begins_with_one_line_value(text[end:].lstrip()):
            return None
        return _ARRAY if _is_array_of_runs(value) else _MULTILINE_DOCUMENT
    has_lines = b"\n" in text
    if whole or (has_lines and not _is_unfinished_document(text)):
        return None
    first, _ = _first_value(text[1:].lstrip()) if text.startswith(b"[") else (None, 0)
    return _ARRAY if _is_array_of_runs([first]) else _MULTILINE_DOCUMENT if has_lines else None


def _first_value(text: bytes) -> tuple[Any, int]:
    """Decode the JSON value at the beginning of a text.

    Return it and its length in bytes, 0 if it is incomplete.
    """
    decoded = text.decode("utf-8", "surrogateescape")
    try:
        value, end = _DECODER.raw_decode(decoded)
    except (ValueError, RecursionError):
        return None, 0
    return value, len(decoded[:end].encode("utf-8", "surrogateescape"))


_DECODER = json.JSONDecoder()


def _begins_with_one_line_value(text: bytes) -> bool:
    """Whether a text begins with a JSON value on one line.

    Then the value before it was one odd line of a log.
    """
    _, end = _first_value(text)
    return end > 0 and b"\n" not in text[:end]


def _is_unfinished_document(text: bytes) -> bool:
    """Whether the complete lines of a text are the beginning of one JSON document.

    Three lines decide it: in a log, a broken line is followed by further runs, and no document can hold those without
    separators.
    """
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


def _is_array_of_runs(value: Any) -> bool:
    """Whether a value is a list of runs or spans, not the list of one run's messages."""
    first = value[0] if isinstance(value, list) and value else None
    return isinstance(first, dict) and ("messages" in first or recognize_format(first) is not None)
