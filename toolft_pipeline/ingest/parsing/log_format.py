"""What the registry (`ingest/formats.py`) holds of a log format."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from toolft_pipeline.ingest.parsing.keys_not_read import FormatKeys
from toolft_pipeline.ingest.parsing.reading import LineReader


@dataclass(frozen=True, kw_only=True)
class LogFormat:
    """A format that log files can have; the subclass says how its lines become runs.

    `name` is the value of `logs.format`, `description` its row in docs/log_formats.md. `recognizes` takes a decoded
    line and returns True only if no other format writes such lines.
    """

    name: str
    description: str
    recognizes: Callable[[Any], bool]


@dataclass(frozen=True, kw_only=True)
class LineFormat(LogFormat):
    """A format with one run a line.

    `keys` names the keys that `read` knows, so that all others are counted. `read_for_table` is an optional faster
    reader for tables: it may return rows that its own batch writer understands.
    """

    read: LineReader
    keys: FormatKeys
    read_for_table: Callable[..., Any] | None = None
