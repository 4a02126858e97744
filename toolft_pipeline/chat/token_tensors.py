"""The stage that turns chat rows into ids and labels, and proves every one of them.

Invariant: what is written has been put to all four proofs; a refuted row makes the report red, never an exception,
so that the blocking check can show every failure at once. A row that cannot be trained is left out and counted.
"""

from __future__ import annotations

import dataclasses
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import groupby, islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq

from toolft_pipeline.chat.chat_rows import ChatRow, ChatRowsError, read_chat_rows, read_pasted, read_prompt_tools
from toolft_pipeline.chat.fitting import Fitted, FittedRow, Fitter, LeftOut
from toolft_pipeline.chat.formats import get_format
from toolft_pipeline.chat.proofs.prove import Cut, CutTensorRow, Prover, TensorRow, recorded_messages
from toolft_pipeline.chat.proofs.report import ProofReport
from toolft_pipeline.chat.rendering.serving import install
from toolft_pipeline.chat.row_images import row_images
from toolft_pipeline.ingest.images.image_store import IMAGES_FOLDER, image_hashes_of_run, link_images
from toolft_pipeline.settings import AgentSettings, CatalogMode
from toolft_pipeline.trajectories.record import Trajectory
from toolft_pipeline.trajectories.table import BATCH_ROWS, read_trajectories

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

TENSORS_FILE = "tensors.parquet"
PROOFS_FILE = "proofs.json"
PROGRESS_SECONDS = 10.0

TENSOR_SCHEMA = pa.schema(
    [
        pa.field("row_id", pa.string(), nullable=False),
        pa.field("trajectory_id", pa.string(), nullable=False),
        pa.field("category", pa.string(), nullable=False),
        pa.field("tools", pa.list_(pa.string()), nullable=False),
        pa.field("input_ids", pa.list_(pa.int32()), nullable=False),
        pa.field("labels", pa.list_(pa.int32()), nullable=False),
        pa.field("n_tokens", pa.int32(), nullable=False),
        pa.field("n_loss_tokens", pa.int32(), nullable=False),
    ]
)

IMAGES_FIELD = pa.field("image_sha256", pa.list_(pa.string()), nullable=False)
"""A column more, where rows show images: their hashes in order. A day without any has the schema it had."""

UNASKED_TOOLS = [
    {"type": "function", "function": {"name": "unasked", "description": "", "parameters": {"type": "object"}}}
]
"""In catalog mode none the proofs send a tool along, as every agent framework does: the template must ignore it."""


@dataclass(frozen=True, kw_only=True)
class TokenSummary:
    """What was written, what was left out, and what the proofs found."""

    rows: int
    tokens: int
    loss_tokens: int
    longest: int
    too_long: int
    """Rows above `chat.max_length` tokens."""
    too_long_loss_tokens: int
    cut_rows: int
    """Rows written that were cut out of such a row."""
    lost_turns: int
    """Assistant turns that stand in no row because of the length."""
    lost_loss_tokens: int
    """Their tokens with loss."""
    not_reversible: int
    """Rows with an assistant turn that the tokenizer does not give back (a literal word-border mark, say)."""
    lengths: tuple[int, ...]
    """Tokens of every row written, for the histogram."""
    proofs: ProofReport


def write_token_tensors(
    *,
    rows: Path,
    accepted: Path,
    tokenizer: Path,
    settings: AgentSettings,
    out: Path,
    progress: Callable[[str], None],
) -> TokenSummary:
    """Encode rows.parquet with the base model's tokenizer into tensors.parquet, and prove it in proofs.json.

    `accepted` are the trajectories that the rows were rendered from: the record that the proofs go by.
    Raises `ChatRowsError` where the two do not belong together.
    """
    if not (tokenizer / "tokenizer_config.json").is_file():
        raise ChatRowsError(f"{tokenizer}: no tokenizer_config.json; name a model folder in Hugging Face layout")
    progress("loading the tokenizer")
    saved = saved_tokenizer(str(tokenizer.resolve()), settings.chat.format, settings.chat.catalog_mode)
    images = row_images(accepted=accepted, base=tokenizer, tokenizer=saved, format_name=settings.chat.format)
    tools, pasted = read_prompt_tools(rows), read_pasted(rows)
    fitter = Fitter(tokenizer=saved, chat=settings.chat, tools=tools, pasted=pasted, images=images.tokens)
    prover = Prover(
        tokenizer=saved,
        tools=tools or UNASKED_TOOLS,
        format_name=settings.chat.format,
        thinking=settings.chat.thinking,
        images=images.server,
    )
    counts: Counter[str] = Counter()
    lengths: list[int] = []
    shown: set[str] = set()
    schema = TENSOR_SCHEMA if images.tokens is None else TENSOR_SCHEMA.append(IMAGES_FIELD)

    def tensors() -> Iterator[dict[str, Any]]:
        reported = time.monotonic()
        for trajectory, chat_rows in _paired(accepted=accepted, rows=rows):
            if not chat_rows and images.not_rendered and image_hashes_of_run(trajectory):
                continue  # chat_rows counts them
            fitted = fitter.fit(trajectory, chat_rows)
            prover.prove(
                trajectory_id=trajectory.trajectory_id,
                messages=recorded_messages(trajectory, system_prompt=settings.chat.system_prompt, pasted=pasted),
                rows=[_under_proof(one) for one in fitted],
                catalog=bool(tools),
            )
            for one in fitted:
                counts.update(_losses(one))
                for row in one.written:
                    tensor = _tensor(row)
                    counts.update(rows=1, tokens=tensor["n_tokens"], loss=tensor["n_loss_tokens"])
                    lengths.append(tensor["n_tokens"])
                    shown.update(row.images)
                    yield tensor
            if time.monotonic() - reported > PROGRESS_SECONDS:
                reported = time.monotonic()
                progress(f"{counts['rows']} rows encoded and proven, {counts['tokens']} tokens")

    stream = tensors()
    with pq.ParquetWriter(out / TENSORS_FILE, schema, compression="zstd") as writer:
        while chunk := list(islice(stream, BATCH_ROWS)):
            writer.write_batch(pa.RecordBatch.from_pylist(chunk, schema=schema))
    if images.folder is not None:
        link_images(shown, into=out / IMAGES_FOLDER, sources=(images.folder,))
    proofs = prover.report()
    (out / PROOFS_FILE).write_bytes(msgspec.json.format(msgspec.json.encode(proofs), indent=2) + b"\n")
    progress(f"{counts['rows']} rows, {counts['tokens']} tokens, {proofs.n_failures} refuted by a proof")
    return TokenSummary(
        rows=counts["rows"],
        tokens=counts["tokens"],
        loss_tokens=counts["loss"],
        longest=max(lengths, default=0),
        too_long=counts["too_long"],
        too_long_loss_tokens=counts["too_long_loss"],
        cut_rows=counts["cut_rows"],
        lost_turns=counts["lost_turns"],
        lost_loss_tokens=counts["lost_loss"],
        not_reversible=counts["not_reversible"],
        lengths=tuple(lengths),
        proofs=proofs,
    )


@lru_cache(maxsize=3)
def saved_tokenizer(folder: str, format_name: str, catalog_mode: CatalogMode) -> PreTrainedTokenizerBase:
    """The base model's tokenizer with the format installed, saved and loaded again: what a server will load.

    Kept, because loading Gemma's takes seconds and days are encoded one after the other.
    """
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(folder)
    install(tokenizer, get_format(format_name), catalog_mode)
    with tempfile.TemporaryDirectory() as place:
        tokenizer.save_pretrained(place)
        saved: PreTrainedTokenizerBase = AutoTokenizer.from_pretrained(place)
    return saved


def _paired(*, accepted: Path, rows: Path) -> Iterator[tuple[Trajectory, list[ChatRow]]]:
    """Every trajectory with its rows, if it has any; both files are in one order."""
    groups = groupby(read_chat_rows(rows), key=lambda row: row.trajectory_id)
    trajectory_id, group = next(groups, (None, iter(())))
    for trajectory in read_trajectories(accepted):
        if trajectory.trajectory_id != trajectory_id:
            yield trajectory, []
            continue
        yield trajectory, list(group)
        trajectory_id, group = next(groups, (None, iter(())))
    if trajectory_id is not None:
        raise ChatRowsError(f"{rows}: rows of {trajectory_id}, which is not in {accepted}; run chat_rows again")


def _under_proof(fitted: Fitted) -> TensorRow:
    """A row for the prover; one that was to be cut comes with what became of it."""
    whole = _tensor_row(fitted.whole, trained=fitted.left_out is not LeftOut.NOT_REVERSIBLE)
    if not fitted.cuts:
        return whole
    rows = tuple(CutTensorRow(row=_tensor_row(row), kept=row.kept or (), places=row.places) for row in fitted.cuts)
    return dataclasses.replace(whole, cut=Cut(rows=rows, lost=fitted.lost))


def _tensor_row(fitted: FittedRow, *, trained: bool = True) -> TensorRow:
    tokens = fitted.tokens
    return TensorRow(row_id=fitted.row.row_id, input_ids=tokens.input_ids, labels=tokens.labels, trained=trained)


def _losses(fitted: Fitted) -> dict[str, int]:
    """What the length or the tokenizer costs, by name."""
    if fitted.left_out is LeftOut.NOT_REVERSIBLE:
        return {"not_reversible": 1}
    if fitted.left_out is None:
        return {}
    return {
        "too_long": 1,
        "too_long_loss": fitted.whole.n_loss_tokens,
        "cut_rows": len(fitted.cuts),
        "lost_turns": len(fitted.lost),
        "lost_loss": fitted.lost_loss_tokens,
    }


def _tensor(fitted: FittedRow) -> dict[str, Any]:
    row, tokens = fitted.row, fitted.tokens
    return {
        "row_id": row.row_id,
        "trajectory_id": row.trajectory_id,
        "category": row.category,
        "tools": list(row.tools),
        "input_ids": tokens.input_ids,
        "labels": tokens.labels,
        "image_sha256": list(fitted.images),
        "n_tokens": len(tokens.input_ids),
        "n_loss_tokens": fitted.n_loss_tokens,
    }
