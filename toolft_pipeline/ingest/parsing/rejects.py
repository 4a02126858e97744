"""Lines that are not trajectories: kept, each with its place and its reason.

Invariant: lines in = trajectories + rejects. A reject never carries the line itself: who holds the key can find the
line again by its HMAC, and who does not cannot test a guess of its content against a bare hash.
"""

from __future__ import annotations

import hashlib
import hmac
from enum import StrEnum

import pyarrow as pa
from msgspec import Struct

from toolft_pipeline.surrogate_key import key_digest, surrogate_key


class RejectReason(StrEnum):
    """Why a line is no trajectory."""

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
    """A reader's answer where a line is not a trajectory. `detail` never quotes the line's values."""

    reason: RejectReason
    detail: str


class Reject(Struct, frozen=True, kw_only=True):
    """One rejected line: file, 1-based line number, byte offset of its first byte, reason, HMAC-SHA256 in hex.

    The HMAC is that of all bytes of the line as they stand in the file, without its newline; of a trace, that of its
    first line; of a file that is no log, or an archive that could not be unpacked, that of the file's own bytes.
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


def hmac_key() -> bytes:
    """The surrogate key, for readers that do not receive it yet."""
    return surrogate_key()


def hmac_key_digest() -> str:
    """What identifies the surrogate key in fingerprints."""
    return key_digest(surrogate_key())


def line_hmac(line: bytes, *, key: bytes) -> str:
    """HMAC-SHA256 of a line without its newline, in hex."""
    return hmac.new(key, line, hashlib.sha256).hexdigest()
