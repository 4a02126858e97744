"""Read one line with its format's reader, and improve on the result.

Invariant: a line that its reader accepts is taken as it is; the extra checks cost nothing on a plain line.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from typing import TypeVar

import msgspec

from toolft_pipeline.ingest.formats import LINE_FORMATS, recognize_format
from toolft_pipeline.ingest.lines.openai_table import UnconvertedRun
from toolft_pipeline.ingest.parsing.json_constants import replace_constants
from toolft_pipeline.ingest.parsing.json_shape import any_json
from toolft_pipeline.ingest.parsing.keys_not_read import count_keys_not_read
from toolft_pipeline.ingest.parsing.nested_json import is_too_deep
from toolft_pipeline.ingest.parsing.reading import read_or_reject
from toolft_pipeline.ingest.parsing.rejects import Rejection, RejectReason
from toolft_pipeline.ingest.unsupported_formats import explain_unsupported_format
from toolft_pipeline.trajectories.record import Source, Trajectory

_Run = TypeVar("_Run")

_MAY_BE_ANOTHER_FORMAT = frozenset({RejectReason.WRONG_SHAPE, RejectReason.UNSUPPORTED_CONTENT})


def read_line(
    read: Callable[..., _Run | Rejection], line: bytes, *, agent: str, source: Source
) -> tuple[_Run | Rejection, Mapping[str, int] | None]:
    """Read a line with the reader of the source's format.

    Return the run and the counts of keys not read, if any.
    """
    run = read(line, agent=agent, source=source)
    if isinstance(run, Rejection) and run.reason is RejectReason.MALFORMED_JSON:
        without = replace_constants(line)
        if without is not None:
            run, line = _with_original_digest(read(without, agent=agent, source=source), without, line), without
    if isinstance(run, Rejection):
        return _best_rejection(run, line, agent=agent, source=source), None
    if isinstance(run, UnconvertedRun):
        return run, run.keys_not_read
    counts = read_or_reject(lambda: count_keys_not_read(any_json(line), LINE_FORMATS[source.format].keys))
    if isinstance(counts, Rejection):
        return explain_unsupported_format(counts, line), None
    return run, counts or None


def _with_original_digest(run: _Run | Rejection, without: bytes, line: bytes) -> _Run | Rejection:
    """Give a run whose id is its line's digest the digest of the original line."""
    if isinstance(run, Trajectory) and run.trajectory_id == _digest(without):
        return msgspec.structs.replace(run, trajectory_id=_digest(line))
    return run


def _digest(line: bytes) -> str:
    return f"sha256:{hashlib.sha256(line).hexdigest()}"


def _best_rejection(rejection: Rejection, line: bytes, *, agent: str, source: Source) -> Rejection:
    """Return the rejection of a line, or a better one that names its format."""
    if rejection.reason in _MAY_BE_ANOTHER_FORMAT and not is_too_deep(line):
        other = recognize_format(any_json(line))
        if other is not None and other != source.format and _accepts(other, line, agent=agent, source=source):
            detail = f"this line has format {other}, but the file is read as {source.format}; use one file per format"
            return Rejection(reason=rejection.reason, detail=detail)
    return explain_unsupported_format(rejection, line)


def _accepts(format_: str, line: bytes, *, agent: str, source: Source) -> bool:
    """Whether the reader of a line format accepts a line.

    A span format always counts as accepting.
    """
    reader = LINE_FORMATS.get(format_)
    return reader is None or not isinstance(reader.read(line, agent=agent, source=source), Rejection)
