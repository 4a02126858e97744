"""The training window as fine-tuning JSONL: one conversation a line, with its tools and a weight for each turn.

Invariant: a turn has weight 1 where the loss mask trains it (`RenderedRow.message_indices`) and 0 elsewhere, and the
messages and tools of a line are those that evaluation sends to the fine-tuned model.

The format is that of OpenAI's page "Supervised fine-tuning" and of "Data preparation" and "Function-calling
fine-tuning" of Together AI: `messages` with `tool_calls` and a `weight` of 0 or 1, and `tools`.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from jinja2 import TemplateError

from toolft_pipeline.catalog.tool import Catalog
from toolft_pipeline.chat.formats import get_format
from toolft_pipeline.chat.formats.chat_format import ChatFormatError
from toolft_pipeline.chat.loss_turns import turns_without_loss
from toolft_pipeline.chat.rendering.conversation import template_messages, trajectory_messages
from toolft_pipeline.chat.rendering.pasted_tools import PastedTools
from toolft_pipeline.chat.rendering.rendering import render_rows
from toolft_pipeline.ingest.images.image_store import image_hashes_of_run
from toolft_pipeline.settings import ChatSettings
from toolft_pipeline.training.managed.hosts.errors import TrainingFileError
from toolft_pipeline.training.managed.hosts.host import LineStyle
from toolft_pipeline.training.rows.sampling import Row
from toolft_pipeline.trajectories.accepted_table import AcceptedRun, read_accepted_rows
from toolft_pipeline.trajectories.record import Role

_NAMED = 5
"""Runs that an error names."""

Line = dict[str, Any]
"""One training example: `messages`, `tools`, and fields of the host's own."""


def training_lines(
    rows: Sequence[Row], *, accepted: Mapping[str, Path], catalog: Catalog, chat: ChatSettings, style: LineStyle
) -> Iterator[Line]:
    """The lines of drawn rows, in their order; a run is one line, repeated by the weight of its rows.

    `accepted` are the tables of verified runs by day. Raises `TrainingFileError` where a run shows images, which a
    fine-tuning file of text cannot hold, unless `chat.images` is drop_row: those runs have no line.
    """
    repeats: dict[tuple[str, str], int] = {}
    for row in rows:
        run = (row.day, row.trajectory_id)
        repeats[run] = max(repeats.get(run, 0), row.weight)
    runs = dict(_runs(repeats, accepted))
    shown = [key for key, each in runs.items() if image_hashes_of_run(each.run)]
    if shown and chat.images == "refuse":
        named = ", ".join(f"{run_id} ({day})" for day, run_id in shown[:_NAMED])
        raise TrainingFileError(
            f"{len(shown)} training runs show images, which managed training does not upload: {named}; set "
            "chat.images: drop_row to train without them"
        )
    without_tools = PastedTools({tool.name: tool.description for tool in catalog.tools}).without
    tools = catalog.openai_tools()
    for run, times in repeats.items():
        if run in shown:
            continue
        messages = trajectory_messages(runs[run].run, system_prompt=chat.system_prompt, without_tools=without_tools)
        line = _line(messages, trained=trained_turns(runs[run], messages, chat=chat), tools=tools, style=style)
        if line is not None:
            yield from [line] * times


def trained_turns(accepted: AcceptedRun, messages: list[dict[str, Any]], *, chat: ChatSettings) -> frozenset[int]:
    """Indices of the assistant messages that carry loss, by the same rule that makes the loss mask of tensors.

    `messages` are those of the run under the agent's policy for the system prompt. Raises `ChatFormatError` where the
    template cannot render it.
    """
    templated = template_messages(messages)
    if chat.thinking == "drop":
        templated = [{key: value for key, value in each.items() if key != "reasoning_content"} for each in templated]
    try:
        rows = render_rows(
            templated,
            chat_format=get_format(chat.format),
            catalog_mode=chat.catalog_mode,
            without_loss=turns_without_loss(accepted, rule=chat.loss_on_failed_calls),
        )
    except TemplateError as error:
        raise ChatFormatError(f"{accepted.run.trajectory_id}: {error}; reject such runs or choose a format") from error
    return frozenset(index for row in rows for index in row.message_indices)


def write_lines(lines: Iterable[Line], path: Path) -> None:
    """Write the file that is uploaded: UTF-8, one JSON object a line."""
    with path.open("w", encoding="utf-8", newline="\n") as stream:
        for line in lines:
            stream.write(json.dumps(line, ensure_ascii=False, separators=(",", ":")) + "\n")


def _runs(
    wanted: Iterable[tuple[str, str]], accepted: Mapping[str, Path]
) -> Iterator[tuple[tuple[str, str], AcceptedRun]]:
    ids = frozenset(wanted)
    for day in sorted({day for day, _ in ids}):
        if day not in accepted:
            raise TrainingFileError(f"no verified runs of {day}, whose rows were drawn; run the days of data again")
        found = {each.run.trajectory_id: each for each in read_accepted_rows(accepted[day])}
        for run in ids:
            if run[0] != day:
                continue
            if run[1] not in found:
                raise TrainingFileError(f"run {run[1]} of {day} is not among the verified runs; run that day again")
            yield run, found[run[1]]


def _line(
    messages: list[dict[str, Any]], *, trained: frozenset[int], tools: list[dict[str, Any]], style: LineStyle
) -> Line | None:
    """The line of a conversation, up to its last trained turn; None where no turn is trained."""
    if not trained:
        return None
    kept = messages[: max(trained) + 1]
    line: Line = {"messages": [_message(each, index in trained, style) for index, each in enumerate(kept)]}
    if tools:
        line |= {"tools": tools, **(style.extra or {})}
    return line


def _message(message: dict[str, Any], trained: bool, style: LineStyle) -> dict[str, Any]:
    role = str(message["role"])
    sent: dict[str, Any] = {"role": role}
    if message.get("content") is not None or not message.get("tool_calls"):
        sent["content"] = message.get("content") or ""
    if message.get("tool_calls"):
        sent["tool_calls"] = message["tool_calls"]
    if role == Role.TOOL:
        sent["tool_call_id"] = message["tool_call_id"]
    if role == Role.ASSISTANT or style.weights_everywhere:
        sent["weight"] = int(trained)
    return sent
