"""A day's accepted trajectories rendered into rows.parquet: no tokenizer, no torch."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from msgspec import to_builtins

from toolft_pipeline.chat.chat_rows import IMAGES_FIELD, PASTED_KEY, ROW_SCHEMA, ROWS_FILE, TOOLS_KEY, ChatRow
from toolft_pipeline.chat.formats import get_format, image_formats
from toolft_pipeline.chat.formats.chat_format import ChatFormat, ChatFormatError
from toolft_pipeline.chat.loss_turns import NoLoss, turns_without_loss
from toolft_pipeline.chat.rendering.conversation import STRIP_TOOLS, openai_tools
from toolft_pipeline.chat.rendering.pasted_tools import PastedTools, Spans, prompt_key
from toolft_pipeline.chat.rendering.processor import why_no_images
from toolft_pipeline.chat.trajectory_rows import trajectory_rows
from toolft_pipeline.ingest.images.image_store import image_hashes_of_run, images_folder_of
from toolft_pipeline.settings import CatalogMode, ChatSettings
from toolft_pipeline.trajectories.accepted_table import AcceptedRun, read_accepted_rows
from toolft_pipeline.trajectories.record import Role, Trajectory
from toolft_pipeline.trajectories.table import BATCH_ROWS


@dataclass(frozen=True, kw_only=True)
class ChatRowsSummary:
    """Counts of what was rendered."""

    trajectories: int
    rows: int
    trained_turns: int
    without_assistant: int
    without_loss: int
    """Trajectories without rows, because none of their assistant turns carries loss."""
    marked_turns: int
    """Assistant turns without loss that the log marks."""
    corrected_turns: int
    """Assistant turns without loss whose failed calls the run corrects."""
    characters: int
    trained_characters: int
    pasted_tools: int
    """Trajectories whose system prompt lost a pasted tool list."""
    pasted_characters: int
    """Characters of those lists, counted once a trajectory."""
    images_not_rendered: int
    """Trajectories without rows, because they show images that cannot be rendered."""
    why_no_images: str | None
    """What is missing to render images; None where nothing is, or no trajectory shows any."""
    rows_by_category: dict[str, int]
    example_rows: dict[str, ChatRow]
    """The first row of each category, for a person to look at."""


def prompt_tools(catalog: Path, *, mode: CatalogMode) -> list[dict[str, Any]]:
    """The `tools` that a catalog mode allows in prompts: none of them, names only, or whole schemas."""
    if mode is CatalogMode.NONE:
        return []
    tools = openai_tools(json.loads(catalog.read_text(encoding="utf-8")))
    if mode is CatalogMode.NAMES:
        return [{"type": "function", "function": {"name": tool["function"]["name"]}} for tool in tools]
    return tools


def write_chat_rows(
    *,
    accepted: Path,
    catalog: Path,
    chat: ChatSettings,
    out: Path,
    base: Path | None = None,
) -> ChatRowsSummary:
    """Render accepted trajectories (parquet) into rows.parquet. Raises `ChatFormatError`.

    `base` is the base model's folder: whether it has a processor decides, with the format, whether images are rendered.
    """
    chat_format = get_format(chat.format)
    if chat.thinking == "keep" and not chat_format.capabilities.reasoning:
        raise ChatFormatError(f"chat format {chat_format.name} cannot render reasoning; set chat.thinking to drop")
    has_images = images_folder_of(accepted) is not None
    day = _Day(
        chat=chat,
        chat_format=chat_format,
        tools=prompt_tools(catalog, mode=chat.catalog_mode),
        why_no_images=why_no_images(base, chat_format) if has_images else None,
        finder=_tool_list_finder(catalog) if chat.system_prompt == STRIP_TOOLS else None,
    )
    columns = ROW_SCHEMA.append(IMAGES_FIELD) if has_images and day.why_no_images is None else ROW_SCHEMA
    schema = columns.with_metadata({TOOLS_KEY: json.dumps(day.tools, ensure_ascii=False).encode()})
    rows = day.rows(read_accepted_rows(accepted))
    with pq.ParquetWriter(out / ROWS_FILE, schema, compression="zstd") as writer:
        while chunk := [to_builtins(row) for row in islice(rows, BATCH_ROWS)]:
            writer.write_batch(pa.RecordBatch.from_pylist(chunk, schema=schema))
        if removed := {key: spans for key, spans in sorted(day.pasted.items()) if spans}:
            writer.add_key_value_metadata({PASTED_KEY: json.dumps(removed).encode()})
    return day.summary()


@dataclass(kw_only=True)
class _Day:
    """Renders trajectories one after the other and counts what it renders."""

    chat: ChatSettings
    chat_format: ChatFormat
    tools: list[dict[str, Any]]
    why_no_images: str | None
    finder: PastedTools | None
    """Finds pasted tool lists; None where the policy keeps them."""
    pasted: dict[str, Spans] = field(default_factory=dict)
    """Spans of pasted tool lists in every system prompt seen so far, by `prompt_key`."""
    counts: Counter[str] = field(default_factory=Counter)
    by_category: Counter[str] = field(default_factory=Counter)
    examples: dict[str, ChatRow] = field(default_factory=dict)

    def rows(self, accepted: Iterator[AcceptedRun]) -> Iterator[ChatRow]:
        """The rows of accepted runs, in order."""
        for each in accepted:
            trajectory = each.run
            if self.why_no_images is not None and image_hashes_of_run(trajectory):
                self._leave_out(trajectory, self.why_no_images)
                continue
            if self.finder is not None:
                removed = self._find_pasted(trajectory, self.finder)
                self.counts.update(pasted=removed > 0, pasted_characters=removed)
            without_loss = turns_without_loss(each, rule=self.chat.loss_on_failed_calls)
            rows = trajectory_rows(
                trajectory,
                category=each.category,
                chat_format=self.chat_format,
                chat=self.chat,
                tools=self.tools,
                pasted=self.pasted,
                without_loss=without_loss,
            )
            self.counts.update(trajectories=1, without_assistant=not rows and not without_loss)
            self.counts.update(without_loss=not rows and bool(without_loss))
            self.counts.update(without_loss.values())
            for row in rows:
                trained = [len(segment.text) for segment in row.segments if segment.trained]
                self.counts.update(turns=len(trained), trained=sum(trained), characters=len(row.text))
                self.by_category[row.category] += 1
                self.examples.setdefault(row.category, row)
            yield from rows

    def summary(self) -> ChatRowsSummary:
        """The counts so far."""
        return ChatRowsSummary(
            trajectories=self.counts["trajectories"],
            rows=self.by_category.total(),
            trained_turns=self.counts["turns"],
            without_assistant=self.counts["without_assistant"],
            without_loss=self.counts["without_loss"],
            marked_turns=self.counts[NoLoss.MARKED],
            corrected_turns=self.counts[NoLoss.CORRECTED],
            characters=self.counts["characters"],
            trained_characters=self.counts["trained"],
            pasted_tools=self.counts["pasted"],
            pasted_characters=self.counts["pasted_characters"],
            images_not_rendered=self.counts["images_not_rendered"],
            why_no_images=self.why_no_images,
            rows_by_category=dict(sorted(self.by_category.items())),
            example_rows=dict(sorted(self.examples.items())),
        )

    def _leave_out(self, trajectory: Trajectory, why: str) -> None:
        """Count a trajectory whose images cannot be rendered, or raise where the agent refuses those."""
        if self.chat.images == "refuse":
            source = trajectory.source
            raise ChatFormatError(
                f"run {trajectory.trajectory_id} ({source.file}:{source.line}) shows images, and {why}; choose "
                f"{image_formats()} and a base with its processor, or set chat.images: drop_row"
            )
        self.counts.update(images_not_rendered=1)

    def _find_pasted(self, trajectory: Trajectory, finder: PastedTools) -> int:
        """Find tool lists in the system prompts of a trajectory; returns how many characters they take up."""
        characters = 0
        for message in trajectory.messages:
            if message.role is Role.SYSTEM:
                key = prompt_key(message.text)
                if key not in self.pasted:
                    self.pasted[key] = finder.spans(message.text)
                characters += sum(end - start for start, end in self.pasted[key])
        return characters


def _tool_list_finder(catalog: Path) -> PastedTools:
    tools = json.loads(catalog.read_text(encoding="utf-8"))["tools"]
    return PastedTools({tool["name"]: tool.get("description") or "" for tool in tools})
