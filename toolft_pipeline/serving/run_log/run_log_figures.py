"""The run log's figures for the metrics page."""

from __future__ import annotations

from collections.abc import Iterator

from toolft_pipeline.serving.notice import Figure
from toolft_pipeline.serving.run_log.open_runs import RunLogCounts

_TOTALS = {
    "turns": "Turns that the run log took.",
    "runs": "Runs written to day logs.",
    "feedback": "Feedback that was stored.",
    "dropped_turns": "Turns lost because too many waited for the run log.",
    "lost_runs": "Runs lost because the disk was full for too long.",
    "failures": "Writes of the run log that failed.",
}
_GAUGES = {
    "open": "Conversations that are not complete.",
    "waiting": "Complete runs that could not be written yet.",
    "failing": "1 while the run log cannot write, as with a full disk: alert on it.",
}


def run_log_figures(counts: RunLogCounts) -> Iterator[Figure]:
    """Figures of what a run log did."""
    for name, text in _TOTALS.items():
        yield Figure(name=f"toolft_run_log_{name}_total", help=text, value=getattr(counts, name), total=True)
    for name, text in _GAUGES.items():
        yield Figure(name=f"toolft_run_log_{name}", help=text, value=float(getattr(counts, name)))
