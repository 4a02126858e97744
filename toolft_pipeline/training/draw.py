"""Which rows are trained on: all of the selected ones, or as many as a token budget holds, drawn evenly.

Invariant: the draw is a function of the rows as a set. Neither the order of days nor of rows plays a part, and a
larger budget draws a superset of a smaller one's rows.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

MAX_VALIDATION_TOKENS = 6_000
"""Tokens of validation rows at most: a pass over them costs about 20 s on two CPU cores."""

MAX_VALIDATION_SHARE = 0.05
"""Validation tokens to training tokens at most: a small budget buys training, not measuring."""

IDS = pa.schema([pa.field("input_ids", pa.list_(pa.int32())), pa.field("labels", pa.list_(pa.int32()))])


class TrainingDataError(ValueError):
    """Nothing to learn from, or rows that cannot be trained on; one line that says where to look."""


@dataclass(frozen=True, kw_only=True)
class Row:
    """One candidate: what the draw needs to know of it. `weight` is how often it is repeated in training."""

    row_id: str
    category: str
    tools: tuple[str, ...]
    tokens: int
    loss_tokens: int
    weight: int = 1

    @property
    def rank(self) -> bytes:
        """Place in the draw among its equals: the hash of the id."""
        return hashlib.sha256(self.row_id.encode()).digest()


@dataclass(frozen=True, kw_only=True)
class Side:
    """The rows drawn for one side, in training order, and their ids and labels (schema `IDS`), repeats included."""

    rows: tuple[Row, ...]
    ids: pa.Table

    @property
    def tokens(self) -> int:
        """Tokens of all rows, repeats included."""
        return sum(row.tokens * row.weight for row in self.rows)

    @property
    def loss_tokens(self) -> int:
        """Tokens with loss of all rows, repeats included."""
        return sum(row.loss_tokens * row.weight for row in self.rows)

    @property
    def longest(self) -> int:
        """Tokens of the longest row."""
        return max((row.tokens for row in self.rows), default=0)


@dataclass(frozen=True, kw_only=True)
class Drawn:
    """Both sides. `available` counts the training rows that the draw could take from."""

    train: Side
    validation: Side
    available: int


@dataclass
class _Facet:
    """A tool or a category: its rows in order of rank, and how many of the drawn rows show it."""

    rows: list[Row] = field(default_factory=list)
    taken: int = 0


def draw_rows(*, selection: Path, tensors: Mapping[str, Path], token_budget: int | None) -> Drawn:
    """Join selection and tensors, and draw within the budget. Raises `TrainingDataError`."""
    chosen = {
        row["trajectory_id"]: (row["side"], row["weight"])
        for row in pq.read_table(selection, columns=["trajectory_id", "side", "weight"]).to_pylist()
    }
    sides: dict[str, list[Row]] = {"train": [], "validation": []}
    for path in tensors.values():
        for row in pq.read_table(path, columns=_FACTS).to_pylist():
            side, weight = chosen.get(row["trajectory_id"], ("out", 0))
            if side in sides:
                sides[side].append(_row(row, weight=max(1, weight) if side == "train" else 1, path=path))
    train = evenly(sides["train"], token_budget)
    if not train:
        raise TrainingDataError(
            f"{selection}: {len(chosen)} selected runs, {len(sides['train'])} training rows, none drawn; look at the "
            "reasons in training_set, at chat.max_length and at training.token_budget"
        )
    allowed = int(min(MAX_VALIDATION_TOKENS, MAX_VALIDATION_SHARE * sum(row.tokens * row.weight for row in train)))
    validation = evenly(sides["validation"], allowed)
    return Drawn(
        train=Side(rows=train, ids=_ids(train, tensors)),
        validation=Side(rows=validation, ids=_ids(validation, tensors)),
        available=len(sides["train"]),
    )


def evenly(rows: Iterable[Row], token_budget: int | None) -> tuple[Row, ...]:
    """Rows of at most so many distinct tokens, in turn for the tool and for the category seen least so far.

    The draw ends at the first row that does not fit. Rows come back by hash of their id, so that packing mixes them.
    """
    waiting = sorted(rows, key=lambda row: row.rank)
    if token_budget is None:
        return tuple(waiting)
    tools, categories = _facets(waiting)
    drawn: set[str] = set()
    kept: list[Row] = []
    tokens = 0
    while len(kept) < len(waiting):
        row = (
            _next(tools if len(kept) % 2 == 0 else categories, drawn) or _next(tools, drawn) or _next(categories, drawn)
        )
        if row is None or tokens + row.tokens > token_budget:
            break
        tokens += row.tokens
        drawn.add(row.row_id)
        kept.append(row)
        categories[row.category].taken += 1
        for tool in row.tools:
            tools[tool].taken += 1
    return tuple(sorted(kept, key=lambda row: row.rank))


def _facets(rows: list[Row]) -> tuple[dict[str, _Facet], dict[str, _Facet]]:
    tools: defaultdict[str, _Facet] = defaultdict(_Facet)
    categories: defaultdict[str, _Facet] = defaultdict(_Facet)
    for row in reversed(rows):  # popped from the end
        categories[row.category].rows.append(row)
        for tool in set(row.tools):
            tools[tool].rows.append(row)
    return tools, categories


def _next(facets: dict[str, _Facet], drawn: set[str]) -> Row | None:
    """The first row by rank of the facet seen least so far (ties by name) that has any left."""
    for _, facet in sorted(facets.items(), key=lambda item: (item[1].taken, item[0])):
        while facet.rows:
            row = facet.rows.pop()
            if row.row_id not in drawn:
                return row
    return None


def _row(row: dict[str, object], *, weight: int, path: Path) -> Row:
    found = Row(
        row_id=str(row["row_id"]),
        category=str(row["category"]),
        tools=tuple(sorted(set(row["tools"]))),  # type: ignore[call-overload]
        tokens=int(row["n_tokens"]),  # type: ignore[call-overload]
        loss_tokens=int(row["n_loss_tokens"]),  # type: ignore[call-overload]
        weight=weight,
    )
    if found.loss_tokens <= 0:
        raise TrainingDataError(
            f"{path}: row {found.row_id} has no loss on any token; its mask is broken: look at the proofs of that day"
        )
    return found


def _ids(rows: tuple[Row, ...], tensors: Mapping[str, Path]) -> pa.Table:
    """Ids and labels of the rows, in their order, each as often as it weighs."""
    wanted = pa.array([row.row_id for row in rows], pa.string())
    found = pa.concat_tables(
        [IDS.empty_table().append_column("row_id", pa.array([], pa.string()))]
        + [
            pa.Table.from_batches([batch]).filter(pc.is_in(batch["row_id"], wanted)).select([*IDS.names, "row_id"])
            for path in tensors.values()
            for batch in pq.ParquetFile(path).iter_batches(columns=["row_id", *IDS.names])
        ],
        promote_options="permissive",
    )
    place = {row_id: index for index, row_id in enumerate(found["row_id"].to_pylist())}
    order = [place[row.row_id] for row in rows for _ in range(row.weight)]
    return found.select(IDS.names).take(pa.array(order, pa.int64())).combine_chunks()


_FACTS = ["row_id", "trajectory_id", "category", "tools", "n_tokens", "n_loss_tokens"]
