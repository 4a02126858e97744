"""Rejected runs: reasons, the errors that readers raise, the table of rejects.

Invariant: runs in = trajectories + rejects. A reject never holds the line itself. Whoever has the key can find the line
by its HMAC; without the key nobody can test a guess of its content, as a plain hash would allow.
"""

from __future__ import annotations

import hashlib
import hmac
from enum import StrEnum
from typing import ClassVar

import pyarrow as pa
from msgspec import Struct

from toolft_pipeline.errors import FixableError


class RejectReason(StrEnum):
    """Why a line or a trace did not become a trajectory."""

    LINE_TOO_LONG = "line_too_long"
    NESTED_TOO_DEEP = "nested_too_deep"
    NOT_UTF8 = "not_utf8"
    TRUNCATED_LINE = "truncated_line"
    MALFORMED_JSON = "malformed_json"
    WRONG_SHAPE = "wrong_shape"
    UNSUPPORTED_CONTENT = "unsupported_content"
    IMAGE_NOT_IN_LOG = "image_not_in_log"
    IMAGE_TOO_LARGE = "image_too_large"
    BAD_IMAGE = "bad_image"
    INLINE_REASONING = "inline_reasoning"
    INVALID_TOOL_CALL = "invalid_tool_call"
    REPEATED_ID = "repeated_id"
    NO_MODEL_CALL = "no_model_call"
    DOES_NOT_CHAIN = "does_not_chain"
    SUB_AGENT = "sub_agent"
    TOOL_WITHOUT_CALL = "tool_without_call"
    LOSSY_EXPORT = "lossy_export"
    SPANS_TOO_FAR_APART = "spans_too_far_apart"
    INCOMPLETE_TRACE = "incomplete_trace"
    NOT_A_LOG = "not_a_log"
    UNREAD_FORMAT = "unread_format"
    BROKEN_ARCHIVE = "broken_archive"
    ARCHIVE_TOO_DENSE = "archive_too_dense"


class Rejection(Struct, frozen=True, kw_only=True):
    """A reader's result for a line that is not a trajectory.

    `detail` never quotes values of the line.
    """

    reason: RejectReason
    detail: str


class RefusedError(FixableError, ValueError):
    """A run that a reader refuses; becomes a `Rejection`.

    The message never quotes values of the line.
    """

    reason: ClassVar[RejectReason]


class UnsupportedError(RefusedError):
    """A part of the run that the record cannot hold."""

    reason = RejectReason.UNSUPPORTED_CONTENT


class InvalidCallError(RefusedError):
    """A call that the agent's own parser could not read."""

    reason = RejectReason.INVALID_TOOL_CALL


class Reject(Struct, frozen=True, kw_only=True):
    """A row of the table of rejects.

    `line` starts at 1, `offset` is in bytes, `hmac` is HMAC-SHA256 in hex. The HMAC covers the bytes of the line in the
    file, without the newline. For a trace it covers the first line; for a file that is not a log or cannot be
    decompressed, the whole file.
    """

    file: str
    line: int
    offset: int
    reason: RejectReason
    detail: str
    hmac: str


REJECT_SCHEMA = pa.schema(
    [
        pa.field("file", pa.string(), nullable=False),
        pa.field("line", pa.int64(), nullable=False),
        pa.field("offset", pa.int64(), nullable=False),
        pa.field("reason", pa.string(), nullable=False),
        pa.field("detail", pa.string(), nullable=False),
        pa.field("hmac", pa.string(), nullable=False),
    ]
)


def line_hmac(line: bytes, *, key: bytes) -> str:
    """HMAC-SHA256 of a line without its newline, in hex."""
    return hmac.new(key, line, hashlib.sha256).hexdigest()
