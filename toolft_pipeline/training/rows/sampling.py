"""Which rows are trained on: all of the selected ones, or as many as a token budget holds, drawn evenly.

Invariant: the draw is a function of the rows as a set. Neither the order of days nor of rows plays a part, and a
larger budget draws a superset of a smaller one's rows.
"""

from __future__ import annotations

import hashlib
import heapq
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from toolft_pipeline.errors import FixableError

MAX_VALIDATION_TOKENS = 6_000
"""Tokens of validation rows at most: a pass over them costs about 20 s on two CPU cores."""

MAX_VALIDATION_SHARE = 0.05
"""Validation tokens to training tokens at most: a small budget buys training, not measuring."""

IDS = pa.schema([pa.field("input_ids", pa.list_(pa.int32())), pa.field("labels", pa.list_(pa.int32()))])

IMAGES = "image_sha256"
"""A column more of both sides, where any row that was drawn shows images: their hashes, in order."""


class TrainingDataError(FixableError, ValueError):
    """Nothing to learn from, or rows that cannot be trained on; one line that says where to look."""


@dataclass(frozen=True, kw_only=True)
class Row:
    """One candidate: what the draw needs to know of it. `weight` is how often it is repeated in training."""

    row_id: str
    trajectory_id: str
    day: str
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
    def pictured(self) -> int:
        """Rows that show images, repeats included."""
        return _pictured(self.ids)

    @property
    def longest(self) -> int:
        """Tokens of the longest row."""
        return max((row.tokens for row in self.rows), default=0)


@dataclass(frozen=True, kw_only=True)
class Drawn:
    """Both sides. `available` counts the training rows that the draw could take from, `rowless` the training runs that
    were selected and have no row (too long, as a rule)."""

    train: Side
    validation: Side
    available: int
    rowless: int

    @property
    def shows_images(self) -> bool:
        """Whether any row of either side shows an image."""
        return self.train.pictured + self.validation.pictured > 0


Kind = tuple[str, tuple[str, ...]]
"""What a run shows: its category and its tools."""


class _Kinds:
    """Rows by kind, handed out for the kind, or for the category, that was seen least so far (ties by name)."""

    def __init__(self, rows: Iterable[Row]) -> None:
        self._waiting: defaultdict[Kind, list[Row]] = defaultdict(list)
        for row in sorted(rows, key=lambda row: row.rank, reverse=True):  # popped from the end
            self._waiting[row.category, row.tools].append(row)
        self._taken = dict.fromkeys(self._waiting, 0)
        self._of_category = dict.fromkeys(sorted({category for category, _ in self._waiting}), 0)
        self._all = [(0, kind) for kind in sorted(self._waiting)]
        self._within = {name: [entry for entry in self._all if entry[1][0] == name] for name in self._of_category}

    def next_of_kind(self) -> Row | None:
        """A row of the kind seen least; None when there is none left."""
        return self._pop(self._all)

    def next_of_category(self) -> Row | None:
        """A row of the category seen least, of its kind seen least; None when there is none left."""
        for category in sorted(self._of_category, key=lambda name: self._of_category[name]):
            row = self._pop(self._within[category])
            if row is not None:
                return row
        return None

    def _pop(self, heap: list[tuple[int, Kind]]) -> Row | None:
        while heap:
            taken, kind = heapq.heappop(heap)
            if taken != self._taken[kind] or not self._waiting[kind]:
                continue  # the kind was seen through the other heap since, or is used up
            self._taken[kind] += 1
            self._of_category[kind[0]] += 1
            for each in (self._all, self._within[kind[0]]):
                heapq.heappush(each, (taken + 1, kind))
            return self._waiting[kind].pop()
        return None


def draw_rows(*, selection: Path, tensors: Mapping[str, Path], token_budget: int | None) -> Drawn:
    """Join selection and tensors, and draw within the budget. Raises `TrainingDataError`."""
    chosen = {
        row["trajectory_id"]: (row["side"], row["weight"])
        for row in pq.read_table(selection, columns=["trajectory_id", "side", "weight"]).to_pylist()
    }
    sides: dict[str, list[Row]] = {"train": [], "validation": []}
    rowless = {run for run, (side, _) in chosen.items() if side == "train"}
    for day, path in tensors.items():
        for row in pq.read_table(path, columns=_FACTS).to_pylist():
            rowless.discard(row["trajectory_id"])
            side, weight = chosen.get(row["trajectory_id"], ("out", 0))
            if side in sides:
                sides[side].append(_row(row, day=day, weight=max(1, weight) if side == "train" else 1, path=path))
    train = evenly(sides["train"], token_budget)
    if rowless and not sides["train"]:
        raise TrainingDataError(
            f"{selection}: not one of {len(rowless)} training runs has a row to train on; see why in token_tensors "
            "(too_long, not_reversible), then raise chat.max_length or cut rows by chat.long_rows: cut_front or split"
        )
    if not train:
        raise TrainingDataError(
            f"{selection}: {len(chosen)} selected runs, {len(sides['train'])} training rows, none drawn; look at the "
            "reasons in training_set, at chat.max_length and at training.token_budget"
        )
    allowed = int(min(MAX_VALIDATION_TOKENS, MAX_VALIDATION_SHARE * sum(row.tokens * row.weight for row in train)))
    validation = evenly(sides["validation"], allowed)
    train_ids, validation_ids = _alike(_ids(train, tensors), _ids(validation, tensors))
    return Drawn(
        train=Side(rows=train, ids=train_ids),
        validation=Side(rows=validation, ids=validation_ids),
        available=len(sides["train"]),
        rowless=len(rowless),
    )


def evenly(rows: Iterable[Row], token_budget: int | None) -> tuple[Row, ...]:
    """Rows of at most so many distinct tokens, in turn for the kind and for the category seen least so far.

    Kinds alone would leave a category of few kinds (talk without tools has one) with next to nothing; tools alone
    would let the rows that use many tools stand for the rows that use one. The draw ends at the first row that does
    not fit. Rows come back by hash of their id, so that packing mixes them.
    """
    rows = tuple(rows)
    if token_budget is None:
        return tuple(sorted(rows, key=lambda row: row.rank))
    kinds = _Kinds(rows)
    kept: list[Row] = []
    tokens = 0
    while len(kept) < len(rows):
        row = kinds.next_of_kind() if len(kept) % 2 == 0 else kinds.next_of_category()
        if row is None or tokens + row.tokens > token_budget:
            break
        tokens += row.tokens
        kept.append(row)
    return tuple(sorted(kept, key=lambda row: row.rank))


def _row(row: dict[str, object], *, day: str, weight: int, path: Path) -> Row:
    found = Row(
        row_id=str(row["row_id"]),
        trajectory_id=str(row["trajectory_id"]),
        day=day,
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
    """Ids and labels of the rows, in their order, each as often as it weighs; with their images where a day has any."""
    wanted = pa.array([row.row_id for row in rows], pa.string())
    found = pa.concat_tables(
        [IDS.empty_table().append_column("row_id", pa.array([], pa.string()))]
        + [
            pa.Table.from_batches([batch]).filter(pc.is_in(batch["row_id"], wanted)).select(columns)
            for path in tensors.values()
            for columns in [[name for name in (*IDS.names, "row_id", IMAGES) if name in pq.read_schema(path).names]]
            for batch in pq.ParquetFile(path).iter_batches(columns=columns)
        ],
        promote_options="permissive",
    )
    place = {row_id: index for index, row_id in enumerate(found["row_id"].to_pylist())}
    order = [place[row.row_id] for row in rows for _ in range(row.weight)]
    return found.drop_columns("row_id").take(pa.array(order, pa.int64())).combine_chunks()


def _alike(*sides: pa.Table) -> list[pa.Table]:
    """Sides with a column of images each, or without one where no row of any shows an image."""
    if not any(map(_pictured, sides)):
        return [side.select(IDS.names) for side in sides]
    return [side.select(IDS.names).append_column(IMAGES, pa.array(_hashes(side), _HASHES)) for side in sides]


def _pictured(ids: pa.Table) -> int:
    return sum(bool(hashes) for hashes in _hashes(ids)) if IMAGES in ids.column_names else 0


def _hashes(ids: pa.Table) -> list[list[str]]:
    """The images of each row; days without any have no such column."""
    column = ids[IMAGES].to_pylist() if IMAGES in ids.column_names else [None] * ids.num_rows
    return [hashes or [] for hashes in column]


_HASHES = pa.list_(pa.string())


_FACTS = ["row_id", "trajectory_id", "category", "tools", "n_tokens", "n_loss_tokens"]
