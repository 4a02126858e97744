"""Well-known formats that no reader takes, each recognised by one line and named with what to do.

Invariant: a line is asked only once its reader has refused it, so recognising costs nothing on logs that are read, and
no run that a reader keeps is lost to a recogniser. To add a format, add an entry to the table of its kind.
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
"""In the order in which they are asked: the first that recognises a line names it."""

_MAY_BE_ANOTHER = frozenset(
    {
        RejectReason.WRONG_SHAPE,
        RejectReason.MALFORMED_JSON,
        RejectReason.TRUNCATED_LINE,
        RejectReason.UNSUPPORTED_CONTENT,
    }
)
"""Reasons of a reader that a line in another format would get."""


def recognised(line: bytes) -> UnsupportedFormat | None:
    """The format that a line is certainly written in, among those that no reader takes."""
    if is_too_deep(line):
        return None
    try:
        row = any_json(line)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return next((one for one in UNSUPPORTED_FORMATS if one.text(line)), None)
    return next((one for one in UNSUPPORTED_FORMATS if one.row(row)), None)


def named(rejection: Rejection, line: bytes) -> Rejection:
    """A reader's rejection of a line, or a better one where the line is recognised as another format."""
    found = recognised(line) if rejection.reason in _MAY_BE_ANOTHER else None
    if found is None:
        return rejection
    return Rejection(
        reason=RejectReason.UNREAD_FORMAT, detail=f"this is {found.name}, which is not read; {found.advice}"
    )
