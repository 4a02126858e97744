"""Explain why a line is not JSON, so that the logger that wrote it can be fixed.

Invariant: a reason says what is wrong and at which byte, and quotes nothing of the line.
"""

from __future__ import annotations

import re

import msgspec

from toolft_pipeline.ingest.parsing.json_constants import CONSTANTS_REASON, has_constant
from toolft_pipeline.ingest.parsing.json_shape import any_json
from toolft_pipeline.ingest.parsing.nested_json import TOO_DEEP
from toolft_pipeline.ingest.parsing.rejects import Rejection, RejectReason

_BYTE = re.compile(r"\(byte (\d+)\)")
_ESCAPE = re.compile(rb"\\(?:u([0-9a-fA-F]{4})|.)", re.DOTALL)
_LONE_SURROGATE = "lone surrogate in a string: the logger cut a character in half"


def explain_invalid_json(line: bytes) -> Rejection | None:
    """Explain why a line is not JSON, None if it is.

    A typed decoder stops at the first error, which may be one of type or one of syntax; this decides which.
    """
    try:
        any_json(line)
    except RecursionError:
        return TOO_DEEP
    except UnicodeDecodeError as error:
        return Rejection(reason=RejectReason.NOT_UTF8, detail=f"not UTF-8: {error.reason}; write the log as UTF-8")
    except msgspec.DecodeError as error:
        return _explain(line, str(error))
    return None


def _explain(line: bytes, message: str) -> Rejection:
    if "trailing characters" in message:
        return _malformed(_explain_rest(line, message))
    if ("surrogate" in message or "truncated" in message) and (at := _lone_surrogate(line)) is not None:
        return _malformed(f"{_LONE_SURROGATE} (byte {at}); write whole characters, or the replacement character U+FFFD")
    if "invalid character" in message and has_constant(line):
        return _malformed(CONSTANTS_REASON)
    start, end = line.strip()[:1], line.strip()[-1:]
    if (start == b"{" and end != b"}") or (start == b"[" and end != b"]") or "truncated" in message:
        detail = f"the line breaks off: {message}; let the logger write each run in one piece"
        return Rejection(reason=RejectReason.TRUNCATED_LINE, detail=detail)
    return _malformed(message)


def _malformed(detail: str) -> Rejection:
    return Rejection(reason=RejectReason.MALFORMED_JSON, detail=detail)


def _explain_rest(line: bytes, message: str) -> str:
    """Explain what follows a complete JSON value on the line."""
    match = _BYTE.search(message)
    at = int(match.group(1)) - 1 if match else len(line)
    rest, place = line[at:].lstrip(), f"(byte {at})"
    if rest.strip() in (b",", b",]", b"]"):
        return f"trailing comma or bracket after the JSON value {place}, as in the lines of a JSON array; remove it"
    if rest.startswith((b"{", b"[", b",")):
        return f"several JSON values on one line {place}; write a newline between them: `jq -c . FILE`"
    return f"extra text after the JSON value {place}; write one JSON value a line and nothing else"


def _lone_surrogate(line: bytes) -> int | None:
    """Byte offset of the first surrogate escape without its other half, or None."""
    high: int | None = None
    end = -1
    for match in _ESCAPE.finditer(line):
        code = int(match.group(1), 16) if match.group(1) else 0
        if high is not None:
            if match.start() != end or not 0xDC00 <= code <= 0xDFFF:
                return high
            high = None
        elif 0xDC00 <= code <= 0xDFFF:
            return match.start()
        elif 0xD800 <= code <= 0xDBFF:
            high = match.start()
        end = match.end()
    return high
