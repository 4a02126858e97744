"""Chat rows encoded as ids and labels, each row checked by all four proofs.

Invariant: every row written was put to the proofs. A row that fails makes the report red and raises nothing, so that
the blocking check can show every failure at once. A row that cannot be trained on is left out and counted.
"""

from __future__ import annotations

import dataclasses
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import groupby, islice
from pathlib import Path
from typing import Any

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq

from toolft_pipeline.chat.chat_rows import ChatRow, ChatRowsError, read_chat_rows, read_pasted, read_prompt_tools
from toolft_pipeline.chat.fitting import DropReason, EncodedRow, FitResult, RowFitter
from toolft_pipeline.chat.loss_turns import turns_without_loss
from toolft_pipeline.chat.proofs.prove import CutTensorRow, Prover, ReplacementRows, TensorRow, recorded_messages
from toolft_pipeline.chat.proofs.report import ProofReport
from toolft_pipeline.chat.rendering.serving import saved_tokenizer
from toolft_pipeline.chat.row_images import RowImages, row_images
from toolft_pipeline.ingest.images.image_store import IMAGES_FOLDER, image_hashes_of_run, link_images
from toolft_pipeline.settings import ChatSettings, LossOnFailedCalls
from toolft_pipeline.trajectories.accepted_table import AcceptedRun, read_accepted_rows
from toolft_pipeline.trajectories.table import BATCH_ROWS

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
"""Extra column where rows show images: their hashes, in order. Without images the schema stays as it was."""

IGNORED_TOOLS = [
    {"type": "function", "function": {"name": "unasked", "description": "", "parameters": {"type": "object"}}}
]
"""Tools of the proofs' requests in catalog mode `none`: agent frameworks always send some, the template must ignore
them."""


@dataclass(frozen=True, kw_only=True)
class TokenSummary:
    """Counts of what was written and left out, and the result of the proofs."""

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
    """Assistant turns that are in no row because of the length."""
    lost_loss_tokens: int
    """Their tokens with loss."""
    not_reversible: int
    """Rows with an assistant turn that decodes to another text (it holds a literal word-border mark, say)."""
    lengths: tuple[int, ...]
    """Tokens of every row written, for the histogram."""
    proofs: ProofReport


def write_token_tensors(
    *,
    rows: Path,
    accepted: Path,
    tokenizer: Path,
    chat: ChatSettings,
    out: Path,
    progress: Callable[[str], None],
) -> TokenSummary:
    """Encode rows.parquet with the base model's tokenizer into tensors.parquet, and write the proofs to proofs.json.

    `accepted` are the trajectories that the rows were rendered from; the proofs compare the rows with them.
    Raises `ChatRowsError` where the two do not belong together.
    """
    if not (tokenizer / "tokenizer_config.json").is_file():
        raise ChatRowsError(f"{tokenizer}: no tokenizer_config.json; name a model folder in Hugging Face layout")
    progress("loading the tokenizer")
    saved = saved_tokenizer(str(tokenizer.resolve()), chat.format, chat.catalog_mode)
    images = row_images(accepted=accepted, base=tokenizer, tokenizer=saved, format_name=chat.format)
    tools, pasted = read_prompt_tools(rows), read_pasted(rows)
    prover = Prover(
        tokenizer=saved,
        tools=tools or IGNORED_TOOLS,
        format_name=chat.format,
        thinking=chat.thinking,
        images=images.server,
        mended_masked=chat.loss_on_failed_calls is LossOnFailedCalls.MENDED_MASKED,
    )
    counts = _Counts()

    def tensors() -> Iterator[dict[str, Any]]:
        fitter = RowFitter(tokenizer=saved, chat=chat, tools=tools, pasted=pasted, images=images.tokens)
        reported = time.monotonic()
        for each, chat_rows in _with_rows(accepted=accepted, rows=rows, images=images):
            without_loss = turns_without_loss(each, rule=chat.loss_on_failed_calls)
            fitted = fitter.fit(each.run, chat_rows, without_loss=without_loss)
            prover.prove(
                trajectory_id=each.run.trajectory_id,
                messages=recorded_messages(each.run, system_prompt=chat.system_prompt, pasted=pasted),
                rows=[_row_to_prove(result) for result in fitted],
                catalog=bool(tools),
                failed_results=each.failed_results,
            )
            for result in fitted:
                yield from counts.add(result)
            if time.monotonic() - reported > PROGRESS_SECONDS:
                reported = time.monotonic()
                progress(f"{counts.of['rows']} rows encoded and proven, {counts.of['tokens']} tokens")

    stream = tensors()
    schema = TENSOR_SCHEMA if images.tokens is None else TENSOR_SCHEMA.append(IMAGES_FIELD)
    with pq.ParquetWriter(out / TENSORS_FILE, schema, compression="zstd") as writer:
        while chunk := list(islice(stream, BATCH_ROWS)):
            writer.write_batch(pa.RecordBatch.from_pylist(chunk, schema=schema))
    if images.folder is not None:
        link_images(counts.images, into=out / IMAGES_FOLDER, sources=(images.folder,))
    proofs = prover.report()
    (out / PROOFS_FILE).write_bytes(msgspec.json.format(msgspec.json.encode(proofs), indent=2) + b"\n")
    progress(f"{counts.of['rows']} rows, {counts.of['tokens']} tokens, {proofs.n_failures} failures of a proof")
    return counts.summary(proofs)


@dataclass(kw_only=True)
class _Counts:
    """Counts of the rows written and of those left out."""

    of: Counter[str] = field(default_factory=Counter)
    lengths: list[int] = field(default_factory=list)
    images: set[str] = field(default_factory=set)
    """Hashes of the images that rows show."""

    def add(self, result: FitResult) -> Iterator[dict[str, Any]]:
        """Count one rendered row; yields the table's rows that it became."""
        self.of.update(_losses(result))
        for row in result.written:
            tensor = _tensor(row)
            self.of.update(rows=1, tokens=tensor["n_tokens"], loss=tensor["n_loss_tokens"])
            self.lengths.append(tensor["n_tokens"])
            self.images.update(row.row.images)
            yield tensor

    def summary(self, proofs: ProofReport) -> TokenSummary:
        """The counts so far, with the result of the proofs."""
        return TokenSummary(
            rows=self.of["rows"],
            tokens=self.of["tokens"],
            loss_tokens=self.of["loss"],
            longest=max(self.lengths, default=0),
            too_long=self.of["too_long"],
            too_long_loss_tokens=self.of["too_long_loss"],
            cut_rows=self.of["cut_rows"],
            lost_turns=self.of["lost_turns"],
            lost_loss_tokens=self.of["lost_loss"],
            not_reversible=self.of["not_reversible"],
            lengths=tuple(self.lengths),
            proofs=proofs,
        )


def _with_rows(*, accepted: Path, rows: Path, images: RowImages) -> Iterator[tuple[AcceptedRun, list[ChatRow]]]:
    """Every accepted run with its rows, without those that have none because of images; both files are in one order."""
    groups = groupby(read_chat_rows(rows), key=lambda row: row.trajectory_id)
    trajectory_id, group = next(groups, (None, iter(())))
    for each in read_accepted_rows(accepted):
        if each.run.trajectory_id == trajectory_id:
            yield each, list(group)
            trajectory_id, group = next(groups, (None, iter(())))
        elif not (images.not_rendered and image_hashes_of_run(each.run)):  # chat_rows counts those
            yield each, []
    if trajectory_id is not None:
        raise ChatRowsError(f"{rows}: rows of {trajectory_id}, which is not in {accepted}; run chat_rows again")


def _row_to_prove(result: FitResult) -> TensorRow:
    """The whole row for the prover, with the rows that replace it where it was cut."""
    whole = _tensor_row(result.whole, trained=result.drop_reason is not DropReason.NOT_REVERSIBLE)
    if not result.cuts:
        return whole
    rows = tuple(
        CutTensorRow(row=_tensor_row(row), kept=row.kept or (), message_indices=row.message_indices)
        for row in result.cuts
    )
    return dataclasses.replace(whole, replaced_by=ReplacementRows(rows=rows, lost=result.lost))


def _tensor_row(encoded: EncodedRow, *, trained: bool = True) -> TensorRow:
    tokens = encoded.tokens
    return TensorRow(row_id=encoded.row.row_id, input_ids=tokens.input_ids, labels=tokens.labels, trained=trained)


def _losses(result: FitResult) -> dict[str, int]:
    """What is lost to the length limit or to the tokenizer, by name."""
    if result.drop_reason is DropReason.NOT_REVERSIBLE:
        return {"not_reversible": 1}
    if result.drop_reason is None:
        return {}
    return {
        "too_long": 1,
        "too_long_loss": result.whole.n_loss_tokens,
        "cut_rows": len(result.cuts),
        "lost_turns": len(result.lost),
        "lost_loss": result.lost_loss_tokens,
    }


def _tensor(encoded: EncodedRow) -> dict[str, Any]:
    """A row of the table."""
    row, tokens = encoded.row, encoded.tokens
    return {
        "row_id": row.row_id,
        "trajectory_id": row.trajectory_id,
        "category": row.category,
        "tools": list(row.tools),
        "input_ids": tokens.input_ids,
        "labels": tokens.labels,
        "image_sha256": list(row.images),
        "n_tokens": len(tokens.input_ids),
        "n_loss_tokens": encoded.n_loss_tokens,
    }
