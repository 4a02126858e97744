"""`toolft explain` of a replay or decline row: the question, the base model's answer, and what was trained of it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pyarrow.parquet as pq

from toolft_pipeline.chat.token_tensors import TENSORS_FILE
from toolft_pipeline.cli.runs.terminal import say
from toolft_pipeline.errors import UsageError
from toolft_pipeline.replay_rows.rows import ANSWERS_FILE
from toolft_pipeline.settings import AgentSettings
from toolft_pipeline.training.rows.mixing import DECLINE, REPLAY, REPLAY_ROWS
from toolft_pipeline.training.rows.trained_rows import TRAINED_ROWS_FILE, read_trained_rows
from toolft_pipeline.warehouse.manifest import ArtifactKey
from toolft_pipeline.warehouse.store import Version, Warehouse


def is_base_answer(id_: str) -> bool:
    """Whether an id names a row of the base model's answers: its category, a slash, and the question's id."""
    return id_.partition("/")[0] in {REPLAY, DECLINE} and "/" in id_


def explain_base_answer(warehouse: Warehouse, settings: AgentSettings, id_: str, *, as_json: bool) -> int:
    """Print a row of the version in force and whether the newest adapter was trained on it. Raises `UsageError`."""
    version = warehouse.current(ArtifactKey(agent=settings.name, asset=REPLAY_ROWS))
    if version is None or not version.manifest.rows["asked"]:
        raise UsageError(
            f"{settings.name} has no {REPLAY_ROWS}: set training.replay_share or training.decline_share, and run "
            f"`toolft run {settings.name}`"
        )
    answers = pq.read_table(version.file(ANSWERS_FILE), filters=[("id", "=", id_)]).to_pylist()
    if not answers:
        raise UsageError(f"{settings.name}: no question {id_!r}; ids are in {version.file(ANSWERS_FILE)}")
    document = answers[0] | _tokens(version, id_) | _trained(warehouse, settings, id_)
    if as_json:
        print(json.dumps(document))
    else:
        say(*_lines(document))
    return 0


def _tokens(version: Version, id_: str) -> dict[str, Any]:
    columns = ["n_tokens", "n_loss_tokens"]
    rows = pq.read_table(version.file(TENSORS_FILE), columns=columns, filters=[("trajectory_id", "=", id_)]).to_pylist()
    return rows[0] if rows else dict.fromkeys(columns, 0)


def _trained(warehouse: Warehouse, settings: AgentSettings, id_: str) -> dict[str, Any]:
    """The day of the newest adapter, and how often it saw the row in an epoch."""
    for day in reversed(warehouse.partitions(settings.name, "qlora_adapter")):
        adapter = warehouse.current(ArtifactKey(agent=settings.name, asset="qlora_adapter", partition=day))
        if adapter is not None and adapter.file(TRAINED_ROWS_FILE).is_file():
            weight = sum(row.weight for row in read_trained_rows(adapter.folder) if row.trajectory_id == id_)
            return {"adapter": day, "repeats": weight}
    return {"adapter": None, "repeats": 0}


def _lines(found: dict[str, Any]) -> Iterator[str]:
    yield f"{found['id']}: {found['category']} row, a question of kind {found['kind']}; no run of the agent"
    if found["system"] is not None:
        yield f"  system prompt: {found['system'].splitlines()[0]}"
    yield f"  tools offered: {found['offer'].replace('_', ' ')}, shown as chat.catalog_mode says"
    yield f"  question: {found['question']}"
    yield f"  answer of the base model: {found['answer']}"
    if found["left_out"] is not None:
        yield f"  no row: {found['left_out']}"
        return
    yield f"  {found['n_tokens']} tokens, {found['n_loss_tokens']} with loss: the answer and its end of turn"
    if found["adapter"] is not None:
        seen = f"{found['repeats']} times an epoch" if found["repeats"] else "not drawn"
        yield f"  in the adapter of {found['adapter']}: {seen}"
