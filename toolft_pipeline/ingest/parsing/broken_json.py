"""Why a line is not JSON, in words that lead to the fault in the logger that wrote it.

Invariant: a reason names what stands in the line and where, by byte, and quotes nothing of it.
"""

from __future__ import annotations

import re

import msgspec

from toolft_pipeline.ingest.parsing.json_constants import CONSTANTS_REASON, has_constant
from toolft_pipeline.ingest.parsing.json_shape import any_json
from toolft_pipeline.ingest.parsing.nested_json import MAX_NESTING
from toolft_pipeline.ingest.parsing.rejects import Rejection, RejectReason

TOO_DEEP = Rejection(reason=RejectReason.NESTED_TOO_DEEP, detail=f"nested deeper than {MAX_NESTING} levels")

_BYTE = re.compile(r"\(byte (\d+)\)")
_ESCAPE = re.compile(rb"\\(?:u([0-9a-fA-F]{4})|.)", re.DOTALL)
_UNPAIRED = "half of a surrogate pair stands alone in a text: a logger cut it in the middle of a character"


def explain_invalid_json(line: bytes) -> Rejection | None:
    """Why a line is not JSON at all, None where it is: the typed decoder stops at the first of either fault."""
    try:
        any_json(line)
    except RecursionError:
        return TOO_DEEP
    except UnicodeDecodeError as error:
        return Rejection(reason=RejectReason.NOT_UTF8, detail=f"not UTF-8: {error.reason}")
    except msgspec.DecodeError as error:
        return _why(line, str(error))
    return None


def _why(line: bytes, said: str) -> Rejection:
    if "trailing characters" in said:
        return _malformed(_behind(line, said))
    if ("surrogate" in said or "truncated" in said) and (at := _unpaired(line)) is not None:
        return _malformed(f"{_UNPAIRED} (byte {at}); let the logger write whole characters, or the mark U+FFFD")
    if "invalid character" in said and has_constant(line):
        return _malformed(CONSTANTS_REASON)
    start, end = line.strip()[:1], line.strip()[-1:]
    if (start == b"{" and end != b"}") or (start == b"[" and end != b"]") or "truncated" in said:
        return Rejection(reason=RejectReason.TRUNCATED_LINE, detail=f"the line breaks off: {said}")
    return _malformed(said)


def _malformed(detail: str) -> Rejection:
    return Rejection(reason=RejectReason.MALFORMED_JSON, detail=detail)


def _behind(line: bytes, said: str) -> str:
    """What stands behind a value that is whole."""
    found = _BYTE.search(said)
    at = int(found.group(1)) - 1 if found else len(line)
    rest, place = line[at:].lstrip(), f"(byte {at})"
    if rest.strip() in (b",", b",]", b"]"):
        return f"a comma or bracket stands behind the value {place}: the line of a JSON array; remove it"
    if rest.startswith((b"{", b"[", b",")):
        return f"several JSON values stand on one line {place}; write a newline between them: `jq -c . FILE`"
    return f"text stands behind the JSON value {place}; a line holds one value and nothing else"


def _unpaired(line: bytes) -> int | None:
    """The place of the first escape of half a character, None where every half has its other."""
    high: int | None = None
    end = -1
    for found in _ESCAPE.finditer(line):
        code = int(found.group(1), 16) if found.group(1) else 0
        if high is not None:
            if found.start() != end or not 0xDC00 <= code <= 0xDFFF:
                return high
            high = None
        elif 0xDC00 <= code <= 0xDFFF:
            return found.start()
        elif 0xD800 <= code <= 0xDBFF:
            high = found.start()
        end = found.end()
    return high
