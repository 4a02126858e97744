"""Recognize well-known unsupported formats, and say how to convert them.

Invariant: only lines that their reader rejected are checked. So the check costs nothing on logs that are read, and no
run that a reader accepts is lost to it. To add a format, add an entry to the table of its kind.
"""

from __future__ import annotations

import msgspec

from toolft_pipeline.ingest.parsing.json_shape import any_json
from toolft_pipeline.ingest.parsing.nested_json import is_too_deep
from toolft_pipeline.ingest.parsing.rejects import Rejection, RejectReason
from toolft_pipeline.ingest.unsupported_formats.apis import API_FORMATS
from toolft_pipeline.ingest.unsupported_formats.data_sets import DATA_SET_FORMATS
from toolft_pipeline.ingest.unsupported_formats.entry import UnsupportedFormat
from toolft_pipeline.ingest.unsupported_formats.frameworks import FRAMEWORK_FORMATS
from toolft_pipeline.ingest.unsupported_formats.texts import TEXT_FORMATS
from toolft_pipeline.ingest.unsupported_formats.traces import TRACE_FORMATS

UNSUPPORTED_FORMATS: tuple[UnsupportedFormat, ...] = (
    *TEXT_FORMATS,
    *TRACE_FORMATS,
    *API_FORMATS,
    *FRAMEWORK_FORMATS,
    *DATA_SET_FORMATS,
)
"""In the order of checking: the first that recognizes a line names it."""

_MAY_BE_ANOTHER_FORMAT = frozenset(
    {
        RejectReason.WRONG_SHAPE,
        RejectReason.MALFORMED_JSON,
        RejectReason.TRUNCATED_LINE,
        RejectReason.UNSUPPORTED_CONTENT,
    }
)
"""Reasons that a reader gives for lines of another format."""


def recognize(line: bytes) -> UnsupportedFormat | None:
    """Return the unsupported format that a line certainly has, None if there is none."""
    if is_too_deep(line):
        return None
    try:
        row = any_json(line)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return next((one for one in UNSUPPORTED_FORMATS if one.text(line)), None)
    return next((one for one in UNSUPPORTED_FORMATS if one.row(row)), None)


def explain_unsupported_format(rejection: Rejection, line: bytes) -> Rejection:
    """Return a rejection, or a better one if the line's format is known."""
    known = recognize(line) if rejection.reason in _MAY_BE_ANOTHER_FORMAT else None
    if known is None:
        return rejection
    return Rejection(
        reason=RejectReason.UNREAD_FORMAT, detail=f"this is {known.name}, which is not supported; {known.advice}"
    )
