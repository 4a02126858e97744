"""Lines that are not JSON but contain some, recognized by their bytes."""

from __future__ import annotations

import re

from toolft_pipeline.ingest.unsupported_formats.entry import UnsupportedFormat

_EVENT = re.compile(rb"\s*(data|event|id|retry): ?|\s*:")
_PYTHON = re.compile(rb"\s*[\[({]\s*('|[\[{]\s*')|\s*\[?\w+\((\w+=|\[|\{|')")
_PYTHON_WORD = re.compile(rb'"(?:[^"\\]|\\.)*+"|[:\[,]\s*(None|True|False)\b', re.DOTALL)
_JAVASCRIPT = re.compile(rb"\s*[\[({]*\s*\{\s*[A-Za-z_$][\w$]*\s*:")
_PREFIXED = re.compile(rb"[^{\[\"]{1,200}[{\[]\s*[\"{]")


def _sequence(line: bytes) -> bool:
    return line.lstrip(b" \t\r").startswith(b"\x1e")


def _server_sent_event(line: bytes) -> bool:
    return _EVENT.match(line) is not None


def _python(line: bytes) -> bool:
    if _PYTHON.match(line) is not None:
        return True
    starts = line.lstrip().startswith((b"{", b"["))
    return starts and any(match.group(1) for match in _PYTHON_WORD.finditer(line))


def _javascript(line: bytes) -> bool:
    return _JAVASCRIPT.match(line) is not None


def _prefixed(line: bytes) -> bool:
    return line.rstrip().endswith((b"}", b"]")) and _PREFIXED.match(line) is not None


def _markup(line: bytes) -> bool:
    return line.lstrip().startswith((b"<?xml", b"<!DOCTYPE", b"<html"))


TEXT_FORMATS: tuple[UnsupportedFormat, ...] = (
    UnsupportedFormat(
        name="a JSON text sequence (RFC 7464: a record separator before each value)",
        advice="remove the separators: `tr -d '\\036' < FILE > NEW.jsonl`",
        text=_sequence,
    ),
    UnsupportedFormat(
        name="a stream of server-sent events (SSE)",
        advice="log the whole request and the assembled answer, one run a line, instead of the stream",
        text=_server_sent_event,
    ),
    UnsupportedFormat(
        name="the repr of a Python object",
        advice="write each run with json.dumps(run) instead of str(run) or print(run)",
        text=_python,
    ),
    UnsupportedFormat(
        name="a JavaScript object (keys without quotes)",
        advice="write each run with JSON.stringify(run)",
        text=_javascript,
    ),
    UnsupportedFormat(
        name="XML or HTML",
        advice="write each run as one JSON object on a line",
        text=_markup,
    ),
    UnsupportedFormat(
        name="a log line with text before its JSON",
        advice="log only the JSON: remove the text before it, such as a time and a level",
        text=_prefixed,
    ),
)
