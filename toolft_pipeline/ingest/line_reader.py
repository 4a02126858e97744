"""One line of a log and its reader: the run, or the reason that fits best, and the keys that were left.

Invariant: a line that its reader takes is taken as it stands; what is asked beyond that (NaN read as null, another
format, unread keys) costs nothing on the usual line.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from typing import TypeVar

import msgspec

from toolft_pipeline.ingest.formats import LINE_KEYS, READERS, SPAN_FORMATS, recognize_format
from toolft_pipeline.ingest.lines.openai_table import UnconvertedRun
from toolft_pipeline.ingest.parsing.json_constants import replace_constants
from toolft_pipeline.ingest.parsing.json_shape import any_json
from toolft_pipeline.ingest.parsing.keys_not_read import count_keys_not_read
from toolft_pipeline.ingest.parsing.nested_json import is_too_deep
from toolft_pipeline.ingest.parsing.reading import guarded
from toolft_pipeline.ingest.parsing.rejects import Rejection, RejectReason
from toolft_pipeline.ingest.unsupported_formats import named
from toolft_pipeline.trajectories.record import Source, Trajectory

_Run = TypeVar("_Run")

_OF_ANOTHER_FORMAT = frozenset({RejectReason.WRONG_SHAPE, RejectReason.UNSUPPORTED_CONTENT})


def read_line(
    read: Callable[..., _Run | Rejection], line: bytes, *, agent: str, source: Source
) -> tuple[_Run | Rejection, Mapping[str, int] | None]:
    """What the reader of the source's format makes of a line, and the keys that it left, where any are."""
    run = read(line, agent=agent, source=source)
    if isinstance(run, Rejection) and run.reason is RejectReason.MALFORMED_JSON:
        plain = replace_constants(line)
        if plain is not None:
            run, line = _under_its_name(read(plain, agent=agent, source=source), plain, line), plain
    if isinstance(run, Rejection):
        return _better(run, line, agent=agent, source=source), None
    if isinstance(run, UnconvertedRun):
        return run, run.unread
    left = guarded(lambda: count_keys_not_read(any_json(line), LINE_KEYS[source.format]))
    if isinstance(left, Rejection):
        return named(left, line), None
    return run, left or None


def _under_its_name(run: _Run | Rejection, plain: bytes, line: bytes) -> _Run | Rejection:
    """A run that is named after its line's digest, named after that of the line as it stands in the file."""
    if isinstance(run, Trajectory) and run.trajectory_id == _digest(plain):
        return msgspec.structs.replace(run, trajectory_id=_digest(line))
    return run


def _digest(line: bytes) -> str:
    return f"sha256:{hashlib.sha256(line).hexdigest()}"


def _better(rejection: Rejection, line: bytes, *, agent: str, source: Source) -> Rejection:
    """The rejection of a line, or one that says which other format the line is written in."""
    if rejection.reason in _OF_ANOTHER_FORMAT and not is_too_deep(line):
        other = recognize_format(any_json(line))
        if other is not None and other != source.format and _is_of(other, line, agent=agent, source=source):
            detail = f"this line is written as {other}, and the file is read as {source.format}; split it by format"
            return Rejection(reason=rejection.reason, detail=detail)
    return named(rejection, line)


def _is_of(format_: str, line: bytes, *, agent: str, source: Source) -> bool:
    """Whether a line is certainly of a format: its own reader takes it."""
    return format_ in SPAN_FORMATS or not isinstance(READERS[format_](line, agent=agent, source=source), Rejection)
