"""Write the base model's answers as rows: rendered, encoded and proven like the rows of the agent's runs.

Invariant: rows come from the same functions as those of a day (`chat/render_day.py`, `chat/token_tensors.py`), with the
loss on the answer alone, and every row goes through the four proofs.
"""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq

from toolft_pipeline.catalog.build import CATALOG_FILE
from toolft_pipeline.catalog.tool import Catalog
from toolft_pipeline.chat.chat_rows import ROWS_FILE
from toolft_pipeline.chat.proofs.report import SHOWN_FAILURES, Proof, ProofReport, ProofResult
from toolft_pipeline.chat.render_day import write_chat_rows
from toolft_pipeline.chat.token_tensors import PROOFS_FILE, TENSOR_SCHEMA, TENSORS_FILE, write_token_tensors
from toolft_pipeline.replay_rows.ask_base import BaseAnswer
from toolft_pipeline.replay_rows.conversations import Offer, offered_catalog
from toolft_pipeline.settings import CatalogMode, ChatSettings
from toolft_pipeline.trajectories.accepted_table import AcceptedRun, write_accepted_rows
from toolft_pipeline.trajectories.category import Category
from toolft_pipeline.verification.day import ACCEPTED_FILE

ANSWERS_FILE = "answers.parquet"

ANSWERS_SCHEMA = pa.schema(
    [
        *(pa.field(name, pa.string(), nullable=False) for name in ("id", "category", "offer", "kind")),
        pa.field("system", pa.string()),
        *(pa.field(name, pa.string(), nullable=False) for name in ("question", "answer")),
        pa.field("left_out", pa.string()),
    ]
)
"""All answers, those that became no row too, each with the reason."""


@dataclass(frozen=True, kw_only=True)
class RowCounts:
    """What was written: rows and tokens by category, and the answers left out, by reason."""

    rows: dict[str, int]
    tokens: dict[str, int]
    loss_tokens: int
    left_out: dict[str, int]
    not_written: int
    """Rows that are too long or do not decode to their text."""
    proofs: ProofReport


def write_replay_rows(
    answers: Sequence[BaseAnswer],
    *,
    agent: str,
    catalog: Catalog,
    chat: ChatSettings,
    base: Path,
    out: Path,
    progress: Callable[[str], None],
) -> RowCounts:
    """Write tensors.parquet, proofs.json and answers.parquet; `base` is the model folder with the tokenizer."""
    kept = [each for each in answers if each.left_out is None]
    tables, reports = [TENSOR_SCHEMA.empty_table()], []
    for offer in Offer:
        group = [each for each in kept if each.conversation.offer is offer]
        if group:
            with tempfile.TemporaryDirectory(dir=out) as scratch:
                table, report = _rows_of_offer(
                    group, agent=agent, catalog=offered_catalog(catalog, offer), chat=chat, base=base,
                    scratch=Path(scratch), progress=progress,
                )  # fmt: skip
            tables.append(table)
            reports.append(report)
    rows = pa.concat_tables(tables)
    rows = rows.set_column(
        rows.schema.get_field_index("category"),
        TENSOR_SCHEMA.field("category"),
        pa.array([row_id.partition("/")[0] for row_id in rows["row_id"].to_pylist()], pa.string()),
    )
    proofs = _together(reports)
    pq.write_table(rows, out / TENSORS_FILE, compression="zstd")
    (out / PROOFS_FILE).write_bytes(msgspec.json.format(msgspec.json.encode(proofs), indent=2) + b"\n")
    pq.write_table(_answers_table(answers), out / ANSWERS_FILE, compression="zstd")
    tokens: Counter[str] = Counter()
    for category, length in zip(rows["category"].to_pylist(), rows["n_tokens"].to_pylist(), strict=True):
        tokens[category] += length
    return RowCounts(
        rows=dict(sorted(Counter(rows["category"].to_pylist()).items())),
        tokens=dict(sorted(tokens.items())),
        loss_tokens=sum(rows["n_loss_tokens"].to_pylist()),
        left_out=dict(sorted(Counter(each.left_out.value for each in answers if each.left_out is not None).items())),
        not_written=len(kept) - rows.num_rows,
        proofs=proofs,
    )


def _rows_of_offer(
    answers: Sequence[BaseAnswer],
    *,
    agent: str,
    catalog: Catalog,
    chat: ChatSettings,
    base: Path,
    scratch: Path,
    progress: Callable[[str], None],
) -> tuple[pa.Table, ProofReport]:
    """The rows of conversations that offer the same tools. Without tools the prompt is that of mode `none`."""
    if not catalog.tools:
        chat = chat.model_copy(update={"catalog_mode": CatalogMode.NONE})
    accepted = scratch / ACCEPTED_FILE
    (scratch / CATALOG_FILE).write_text(catalog.text, encoding="utf-8")
    write_accepted_rows(
        (
            AcceptedRun(run=each.conversation.trajectory(agent, each.text), category=Category.NO_TOOL, tools=())
            for each in answers
        ),
        accepted,
    )
    write_chat_rows(accepted=accepted, catalog=scratch / CATALOG_FILE, chat=chat, out=scratch, base=base)
    summary = write_token_tensors(
        rows=scratch / ROWS_FILE, accepted=accepted, tokenizer=base, chat=chat, out=scratch, progress=progress
    )
    return pq.read_table(scratch / TENSORS_FILE, schema=TENSOR_SCHEMA), summary.proofs


def _together(reports: Iterable[ProofReport]) -> ProofReport:
    """One report over all groups."""
    reports = tuple(reports)

    def result(proof: Proof) -> ProofResult:
        results = [report.results[proof.value] for report in reports]
        failures = tuple(failure for each in results for failure in each.failures)
        return ProofResult(
            rows_checked=sum(each.rows_checked for each in results),
            n_failures=sum(each.n_failures for each in results),
            failures=failures[:SHOWN_FAILURES],
        )

    return ProofReport(results={proof.value: result(proof) for proof in Proof})


def _answers_table(answers: Sequence[BaseAnswer]) -> pa.Table:
    return pa.Table.from_pylist(
        [
            {
                "id": each.conversation.id,
                "category": each.conversation.category,
                "offer": each.conversation.offer.value,
                "kind": each.conversation.question.kind.value,
                "system": each.conversation.system,
                "question": each.conversation.question.user,
                "answer": each.text,
                "left_out": None if each.left_out is None else each.left_out.value,
            }
            for each in answers
        ],
        schema=ANSWERS_SCHEMA,
    )
