"""Chat rows as a table: the record, its Arrow schema, and the readers of rows.parquet.

Invariant: rows are in the order of the accepted runs, and every assistant turn is in exactly one of them.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq
from msgspec import Struct

from toolft_pipeline.chat.rendering.pasted_tools import Spans
from toolft_pipeline.chat.rendering.rendering import Segment
from toolft_pipeline.errors import FixableError

ROWS_FILE = "rows.parquet"
TOOLS_KEY = b"toolft.tools"
"""Schema metadata of the rows: the `tools` that the catalog mode allows in prompts, as a JSON list."""
PASTED_KEY = b"toolft.pasted"
"""File metadata of the rows, only under the policy `strip_tools`: which spans were removed from which system prompt, as
a JSON object of `prompt_key` -> spans."""

ROW_SCHEMA = pa.schema(
    [
        pa.field("row_id", pa.string(), nullable=False),
        pa.field("trajectory_id", pa.string(), nullable=False),
        pa.field("category", pa.string(), nullable=False),
        pa.field("tools", pa.list_(pa.string()), nullable=False),
        pa.field("pieces", pa.list_(pa.struct([("text", pa.string()), ("trained", pa.bool_())])), nullable=False),
    ]
)

IMAGES_FIELD = pa.field("images", pa.list_(pa.string()), nullable=False)
"""Extra column of a day whose runs show images that the format renders; without images the schema stays as it was."""

PastedSpans = Mapping[str, Spans]
"""Spans of pasted tool lists in system prompts, by `prompt_key`."""


class ChatRowsError(FixableError, ValueError):
    """The inputs of a chat stage do not belong together; one line that names the file and the fix."""


class ChatRow(Struct, frozen=True, kw_only=True):
    """One row of training text. `tools` are the tools called in its trained turns, sorted."""

    row_id: str
    trajectory_id: str
    category: str
    tools: tuple[str, ...]
    segments: tuple[Segment, ...] = msgspec.field(name="pieces")
    """Column `segments`; joined, the segments are the row's text."""
    images: tuple[str, ...] = ()
    """Hashes of the images that its placeholders stand for, in order."""

    @property
    def text(self) -> str:
        """The whole row."""
        return "".join(segment.text for segment in self.segments)


def read_chat_rows(path: Path) -> Iterator[ChatRow]:
    """Stream the rows of a rows.parquet, in the order written."""
    with pq.ParquetFile(path, pre_buffer=False) as parquet:
        for batch in parquet.iter_batches(batch_size=1024):
            yield from msgspec.convert(batch.to_pylist(), list[ChatRow])


def read_prompt_tools(path: Path) -> list[dict[str, Any]]:
    """The `tools` that the rows of a file were rendered with. Raises `ChatRowsError`."""
    metadata = pq.read_schema(path).metadata or {}
    if TOOLS_KEY not in metadata:
        raise ChatRowsError(f"{path}: not a file of chat rows (no metadata {TOOLS_KEY.decode()}); run chat_rows again")
    tools: list[dict[str, Any]] = json.loads(metadata[TOOLS_KEY])
    return tools


def read_pasted(path: Path) -> PastedSpans:
    """The pasted tool lists that were removed from the system prompts of a file's rows."""
    metadata = pq.read_metadata(path).metadata or {}
    return msgspec.json.decode(metadata.get(PASTED_KEY, b"{}"), type=dict[str, Spans])
