"""Formats of traces and spans that no reader takes."""

from __future__ import annotations

from toolft_pipeline.trajectories.unread_formats.entry import UnreadFormat

TRACE_FORMATS: tuple[UnreadFormat, ...] = ()
