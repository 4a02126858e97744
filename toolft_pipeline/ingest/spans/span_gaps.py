"""Whether something of a trace is missing: what its own spans name, or what the day's end may have cut off.

Invariant: no trace with a gap becomes a run. The spans of a run over midnight stand on two days. Where spans are
exported as they end, the earlier day lacks the root that the others name as their parent. Where they are exported by
their start, the later day lacks it, and on the earlier day the root ends when no span can begin any more. A trace that
names no parents and has no times is taken as it is.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from msgspec import Struct

from toolft_pipeline.ingest.parsing.reading import RefusedError
from toolft_pipeline.ingest.parsing.rejects import RejectReason
from toolft_pipeline.ingest.spans.span import TraceSpan

_MEND = "put all of the trace's spans into the files of one day"


class IncompleteTraceError(RefusedError):
    """A trace of which the logs do not hold every span."""

    reason: ClassVar[RejectReason] = RejectReason.INCOMPLETE_TRACE


class CompletenessRules(Struct, frozen=True, kw_only=True):
    """What lies outside the logs: parents in other services (`logs.remote_parents`), and all that began after the day
    (nanoseconds since 1970; None where the files are not those of a day).
    """

    remote_parents: bool = False
    day_ends_ns: int | None = None


def refuse_gaps(spans: Sequence[TraceSpan], *, borders: CompletenessRules) -> None:
    """Raise `IncompleteTraceError` where a span is missing, or may be.

    A parent in another service may be: the span says so, or the borders do for spans that say nothing.
    """
    ids = {span.span_id for span in spans}
    for span in spans:
        if not ids.issuperset(span.children):
            raise IncompleteTraceError(f"a span names a child that is nowhere in the logs; {_MEND}")
        if span.parent_id is None or span.parent_id in ids or span.parent_elsewhere:
            continue
        if span.parent_elsewhere is False:
            raise IncompleteTraceError(f"a span's parent, of its own process, is nowhere in the logs; {_MEND}")
        if not borders.remote_parents:
            remote = "or set logs.remote_parents if traces begin below another service's span"
            raise IncompleteTraceError(f"a span's parent is nowhere in the logs; {_MEND}, {remote}")
    if borders.day_ends_ns is not None and _cut(spans, at=borders.day_ends_ns):
        raise IncompleteTraceError(f"the trace was going on when the day ended, and nothing later is there; {_MEND}")


def _cut(spans: Sequence[TraceSpan], *, at: int) -> bool:
    """Whether a trace was still open at a moment after which none of its spans began.

    A whole trace looks so only if its last span was just being made then: about as many a night as run side by side.
    """
    began = [span.started_ns for span in spans if span.started_ns is not None]
    ended = [span.ended_ns for span in spans if span.ended_ns is not None]
    return bool(began and ended) and max(began) < at <= max(ended)
