"""Runs that show images, and a day of them as verification writes it."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from toolft_pipeline.chat.render_day import ChatRowsSummary, write_chat_rows
from toolft_pipeline.chat.token_tensors import TokenSummary, write_token_tensors
from toolft_pipeline.ingest.images.image_store import IMAGES_FOLDER, write_images
from toolft_pipeline.settings import AgentSettings
from toolft_pipeline.trajectories.accepted_table import write_accepted_rows
from toolft_pipeline.trajectories.record import Message, Part, Role, Trajectory
from toolft_pipeline_tests.chat.conversations import CATALOG, assistant, system, trajectory, user
from toolft_pipeline_tests.conversations import accepted
from toolft_pipeline_tests.pictures import chart

PICTURES = {
    hashlib.sha256(data).hexdigest(): data
    for data in (
        chart(1, 9, 4, size=(48, 32)),
        chart(7, 2, size=(200, 20), kind="JPEG"),
        chart(3, 3, 8, size=(31, 77), kind="WEBP"),
    )
}
ONE, TWO, THREE = PICTURES


def picture(sha256: str) -> Part:
    return Part(type="image", image_sha256=sha256, mime="image/png")


def said(text: str) -> Part:
    return Part(type="text", text=text)


def shown(*parts: Part, call: int = 0) -> Message:
    """A tool's result."""
    return Message(role=Role.TOOL, content=parts, tool_call_id=f"call_{call}", name="tool")


def asked(*parts: Part) -> Message:
    return Message(role=Role.USER, content=parts)


PICTURED = (
    trajectory(
        "one_chart",
        system("You read charts."),
        user("Sales?"),
        assistant("", ("chart", {"of": "sales"})),
        shown(said("Sales by month:"), picture(ONE)),
        assistant("They peak in May."),
    ),
    trajectory(
        "parallel_charts",
        user("Sales and costs?"),
        assistant("I look.", ("chart", {"of": "sales"}), ("chart", {"of": "costs"})),
        shown(picture(ONE), said("a"), picture(TWO), said("b"), call=0),
        shown(picture(THREE), call=1),
        assistant("<b>Costs</b> rise.", ("note", {"text": "up"})),
        shown(said("noted")),
        assistant("Noted."),
        user("Thanks"),
        assistant("Any time."),
    ),
    trajectory(
        "shown_by_the_user",
        asked(said(" What is "), picture(TWO), said("\n this, beside "), said("that? "), picture(ONE)),
        assistant("A chart."),
        asked(picture(THREE)),
        assistant("Another."),
    ),
    trajectory(
        "spells_images",
        system("<|image|><|image><image|>"),
        asked(said("<|ima"), said("ge|> "), picture(ONE), said("<image|>")),
        assistant("", ("chart", {"of": "<|image|>", "<|image>": ["<image|>"]})),
        shown(said("<|image|>"), picture(TWO), said("<image|>\n<|image><|image|>")),
        assistant("It says < |image|>."),
    ),
    trajectory("no_picture", user("Hi"), assistant("Hello!")),
)


def write_day(folder: Path, *runs: Trajectory) -> dict[str, Path]:
    """Accepted runs, their pictures and the catalog: the inputs of `write_chat_rows`."""
    folder.mkdir(exist_ok=True, parents=True)
    write_accepted_rows(accepted(runs), folder / "accepted.parquet")
    write_images(folder / IMAGES_FOLDER, PICTURES)
    (folder / "catalog.json").write_text(json.dumps(CATALOG))
    return {"accepted": folder / "accepted.parquet", "catalog": folder / "catalog.json"}


def rendered(folder: Path, settings: AgentSettings, base: Path | None, *runs: Trajectory) -> ChatRowsSummary:
    """Chat rows of a day in a folder."""
    return write_chat_rows(**write_day(folder, *runs), chat=settings.chat, out=folder, base=base)


def encoded(folder: Path, settings: AgentSettings, base: Path) -> tuple[TokenSummary, list[dict[str, Any]]]:
    """Token tensors of that day, into `tensors/` below."""
    (folder / "tensors").mkdir()
    summary = write_token_tensors(
        rows=folder / "rows.parquet",
        accepted=folder / "accepted.parquet",
        tokenizer=base,
        chat=settings.chat,
        out=folder / "tensors",
        progress=lambda _line: None,
    )
    return summary, pq.read_table(folder / "tensors" / "tensors.parquet").to_pylist()


def failures(summary: TokenSummary) -> dict[str, list[str]]:
    """Why each proof that is red is red."""
    return {
        proof: [failure.reason for failure in result.failures]
        for proof, result in summary.proofs.results.items()
        if result.n_failures
    }
