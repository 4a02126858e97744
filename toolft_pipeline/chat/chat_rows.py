"""The stage that writes accepted runs as chat text: no tokenizer, no torch, one row per stretch of stable history.

Invariant: rows follow the order of the accepted runs, and every assistant turn stands in exactly one of them.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from types import MappingProxyType
from typing import Any

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq
from jinja2 import TemplateError
from msgspec import Struct, to_builtins

from toolft_pipeline.chat.formats import get_format
from toolft_pipeline.chat.formats.chat_format import ChatFormat, ChatFormatError
from toolft_pipeline.chat.rendering.conversation import (
    STRIP_TOOLS,
    image_hashes_of,
    openai_tools,
    template_messages,
    trajectory_messages,
)
from toolft_pipeline.chat.rendering.pasted_tools import PastedTools, Spans, left_of, prompt_key
from toolft_pipeline.chat.rendering.processor import why_no_images
from toolft_pipeline.chat.rendering.rendering import Piece, render_rows
from toolft_pipeline.errors import FixableError
from toolft_pipeline.ingest.images.image_store import image_hashes_of_run, images_folder_of
from toolft_pipeline.settings import AgentSettings, CatalogMode, ChatSettings
from toolft_pipeline.trajectories.category import categorize
from toolft_pipeline.trajectories.record import Role, Trajectory
from toolft_pipeline.trajectories.table import BATCH_ROWS, read_trajectories

ROWS_FILE = "rows.parquet"
TOOLS_KEY = b"toolft.tools"
"""Schema metadata of the rows: the `tools` that the catalog mode lets into prompts, as a JSON list."""
PASTED_KEY = b"toolft.pasted"
"""File metadata of the rows, under the policy `strip_tools` alone: what was left out of which system prompt, as a JSON
object of `prompt_key` -> spans."""

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
"""A column more, where the runs show images and the format renders them: a day without any has the schema it had."""


class ChatRowsError(FixableError, ValueError):
    """The inputs of a chat stage do not fit together; one line naming file and mend."""


class ChatRow(Struct, frozen=True, kw_only=True):
    """One row of training text. `tools` are the tools called in its trained turns, sorted."""

    row_id: str
    trajectory_id: str
    category: str
    tools: tuple[str, ...]
    pieces: tuple[Piece, ...]
    images: tuple[str, ...] = ()
    """Hashes of the images that its placeholders stand for, in order."""

    @property
    def text(self) -> str:
        """The whole row."""
        return "".join(piece.text for piece in self.pieces)


@dataclass(frozen=True, kw_only=True)
class ChatRowsSummary:
    """What was rendered; `example_rows` holds one row of each category, for a person to look at.

    `pasted_tools` counts the trajectories whose system prompt lost a pasted tool list, `pasted_characters` what those
    lists held, once a trajectory; `images_not_rendered` those that have no row because they show images, and
    `why_no_images` says what is missing.
    """

    trajectories: int
    rows: int
    trained_turns: int
    without_assistant: int
    characters: int
    trained_characters: int
    pasted_tools: int
    pasted_characters: int
    images_not_rendered: int
    why_no_images: str | None
    rows_by_category: dict[str, int]
    example_rows: dict[str, ChatRow]


PastedIn = Mapping[str, Spans]
"""Where tool lists stand in the system prompts that hold any, by `prompt_key`."""


def prompt_messages(trajectory: Trajectory, *, chat: ChatSettings, pasted: PastedIn) -> list[dict[str, Any]]:
    """One run as its template takes it, under the agent file's policies for the system prompt and for reasoning."""
    messages = trajectory_messages(
        trajectory,
        system_prompt=chat.system_prompt,
        without_tools=lambda prompt: left_of(prompt, pasted.get(prompt_key(prompt), ())),
    )
    messages = template_messages(messages)
    if chat.thinking == "drop":
        return [{key: value for key, value in m.items() if key != "reasoning_content"} for m in messages]
    return messages


def trajectory_rows(
    trajectory: Trajectory,
    *,
    chat_format: ChatFormat,
    chat: ChatSettings,
    tools: list[dict[str, Any]],
    pasted: PastedIn = MappingProxyType({}),
    error_forms: Sequence[str] = (),
) -> list[ChatRow]:
    """The rows of one run. `error_forms` are the agent's own forms of failed calls, which its category goes by."""
    messages = prompt_messages(trajectory, chat=chat, pasted=pasted)
    category = str(categorize(trajectory.messages, error_forms=error_forms))
    try:
        rendered = render_rows(messages, chat_format=chat_format, catalog_mode=chat.catalog_mode, tools=tools)
    except TemplateError as error:
        raise ChatFormatError(f"{trajectory.trajectory_id}: {error}; reject such runs or choose a format") from error
    return [
        ChatRow(
            row_id=f"{trajectory.trajectory_id}#{number}",
            trajectory_id=trajectory.trajectory_id,
            category=category,
            tools=called_tools([messages[place] for place in row.places]),
            pieces=row.pieces,
            images=image_hashes_of(messages[: row.places[-1]]),
        )
        for number, row in enumerate(rendered)
    ]


def prompt_tools(catalog: Path, *, mode: CatalogMode) -> list[dict[str, Any]]:
    """The `tools` that a catalog mode lets into prompts: none of them, names alone, or whole schemas."""
    if mode is CatalogMode.NONE:
        return []
    tools = openai_tools(json.loads(catalog.read_text(encoding="utf-8")))
    if mode is CatalogMode.NAMES:
        return [{"type": "function", "function": {"name": tool["function"]["name"]}} for tool in tools]
    return tools


def write_chat_rows(
    *, accepted: Path, catalog: Path, settings: AgentSettings, out: Path, base: Path | None = None
) -> ChatRowsSummary:
    """Render accepted runs (parquet of trajectories) into rows.parquet. Raises `ChatFormatError`.

    `base` is the base model's folder: whether it has a processor decides, with the format, whether images are rendered.
    """
    chat_format = get_format(settings.chat.format)
    shows_images = images_folder_of(accepted) is not None
    blind = why_no_images(base, chat_format) if shows_images else None
    if settings.chat.thinking == "keep" and not chat_format.capabilities.reasoning:
        raise ChatFormatError(f"chat format {chat_format.name} cannot render reasoning; set chat.thinking to drop")
    tools = prompt_tools(catalog, mode=settings.chat.catalog_mode)
    columns = ROW_SCHEMA.append(IMAGES_FIELD) if shows_images and blind is None else ROW_SCHEMA
    schema = columns.with_metadata({TOOLS_KEY: json.dumps(tools, ensure_ascii=False).encode()})
    finder = _finder(catalog) if settings.chat.system_prompt == STRIP_TOOLS else None
    pasted: dict[str, Spans] = {}
    counts: Counter[str] = Counter()
    by_category: Counter[str] = Counter()
    examples: dict[str, ChatRow] = {}

    def counted_rows() -> Iterator[ChatRow]:
        for trajectory in read_trajectories(accepted):
            if blind is not None and image_hashes_of_run(trajectory):
                if settings.chat.images == "refuse":
                    raise ChatFormatError(f"{_shows_images(trajectory)}, and {blind}; {_IMAGES_MEND}")
                counts.update(images_not_rendered=1)
                continue
            if finder is not None:
                lost = _look_for_tools(trajectory, finder=finder, pasted=pasted)
                counts.update(pasted=lost > 0, pasted_characters=lost)
            rows = trajectory_rows(
                trajectory,
                chat_format=chat_format,
                chat=settings.chat,
                tools=tools,
                pasted=pasted,
                error_forms=settings.verification.error_forms,
            )
            counts.update(trajectories=1, without_assistant=not rows)
            for row in rows:
                trained = [len(piece.text) for piece in row.pieces if piece.trained]
                counts.update(turns=len(trained), trained=sum(trained), characters=len(row.text))
                by_category[row.category] += 1
                examples.setdefault(row.category, row)
            yield from rows

    stream = counted_rows()
    with pq.ParquetWriter(out / ROWS_FILE, schema, compression="zstd") as writer:
        while chunk := [to_builtins(row) for row in islice(stream, BATCH_ROWS)]:
            writer.write_batch(pa.RecordBatch.from_pylist(chunk, schema=schema))
        if held := {key: spans for key, spans in sorted(pasted.items()) if spans}:
            writer.add_key_value_metadata({PASTED_KEY: json.dumps(held).encode()})
    return ChatRowsSummary(
        trajectories=counts["trajectories"],
        rows=by_category.total(),
        trained_turns=counts["turns"],
        without_assistant=counts["without_assistant"],
        characters=counts["characters"],
        trained_characters=counts["trained"],
        pasted_tools=counts["pasted"],
        pasted_characters=counts["pasted_characters"],
        images_not_rendered=counts["images_not_rendered"],
        why_no_images=blind,
        rows_by_category=dict(sorted(by_category.items())),
        example_rows=dict(sorted(examples.items())),
    )


def read_chat_rows(path: Path) -> Iterator[ChatRow]:
    """Stream the rows of a rows.parquet, in the order written."""
    with pq.ParquetFile(path, pre_buffer=False) as parquet:
        for batch in parquet.iter_batches(batch_size=1024):
            for row in batch.to_pylist():
                pieces = tuple(Piece(**piece) for piece in row.pop("pieces"))
                images = tuple(row.pop("images", ()))
                yield ChatRow(**{**row, "tools": tuple(row["tools"])}, pieces=pieces, images=images)


def read_prompt_tools(path: Path) -> list[dict[str, Any]]:
    """The `tools` that the rows of a file were rendered with."""
    metadata = pq.read_schema(path).metadata or {}
    if TOOLS_KEY not in metadata:
        raise ChatRowsError(f"{path}: not a file of chat rows ({TOOLS_KEY.decode()} is missing); run chat_rows again")
    tools: list[dict[str, Any]] = json.loads(metadata[TOOLS_KEY])
    return tools


def read_pasted(path: Path) -> PastedIn:
    """Where tool lists stood in the system prompts that the rows of a file were rendered from."""
    metadata = pq.read_metadata(path).metadata or {}
    return msgspec.json.decode(metadata.get(PASTED_KEY, b"{}"), type=dict[str, Spans])


_IMAGES_MEND = "choose gemma4 and a base with its processor, or set chat.images: drop_row"


def _shows_images(trajectory: Trajectory) -> str:
    return f"run {trajectory.trajectory_id} ({trajectory.source.file}:{trajectory.source.line}) shows images"


def _finder(catalog: Path) -> PastedTools:
    tools = json.loads(catalog.read_text(encoding="utf-8"))["tools"]
    return PastedTools({tool["name"]: tool.get("description") or "" for tool in tools})


def _look_for_tools(trajectory: Trajectory, *, finder: PastedTools, pasted: dict[str, Spans]) -> int:
    """Add a run's system prompts to those looked at; returns the characters that tool lists take up in them."""
    taken = 0
    for message in trajectory.messages:
        if message.role is Role.SYSTEM:
            key = prompt_key(message.text)
            if key not in pasted:
                pasted[key] = finder.spans(message.text)
            taken += sum(end - start for start, end in pasted[key])
    return taken


def called_tools(messages: list[dict[str, Any]]) -> tuple[str, ...]:
    """Names of the tools that messages call, sorted."""
    calls = (call for message in messages for call in message.get("tool_calls", ()))
    return tuple(sorted({call["function"]["name"] for call in calls}))
