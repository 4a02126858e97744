"""Draw the rows to train on: all selected rows, or an even sample within a token budget.

Invariant: the draw is a function of the set of rows. The order of days and rows does not matter, and a larger budget
draws a superset of the rows of a smaller one.
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
from toolft_pipeline.training.rows.mixing import NO_MIXTURE, REPLAY_ROWS, Mixed, Mixture, mix_rows

MAX_VALIDATION_TOKENS = 6_000
"""Most tokens of validation rows: a pass over them takes about 20 s on two CPU cores."""

MAX_VALIDATION_SHARE = 0.05
"""Most validation tokens as a share of training tokens: a small budget goes to training."""

IDS_SCHEMA = pa.schema([pa.field("input_ids", pa.list_(pa.int32())), pa.field("labels", pa.list_(pa.int32()))])

IMAGES = "image_sha256"
"""An additional column of both sides if any drawn row contains images: their hashes, in order."""


class TrainingDataError(FixableError, ValueError):
    """No rows to train on, or rows or settings that cannot be trained; one line that says where to look."""


@dataclass(frozen=True, kw_only=True)
class Row:
    """A candidate for the draw; `weight` is the number of its repeats in an epoch."""

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
        """Order among rows of the same kind: the hash of the id."""
        return hashlib.sha256(self.row_id.encode()).digest()


@dataclass(frozen=True, kw_only=True)
class DrawnSide:
    """The drawn rows of one side in training order, and their ids and labels (`IDS_SCHEMA`), repeats included."""

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
    def with_images(self) -> int:
        """Rows with images, repeats included."""
        return _with_images(self.ids)

    @property
    def longest(self) -> int:
        """Tokens of the longest row."""
        return max((row.tokens for row in self.rows), default=0)


@dataclass(frozen=True, kw_only=True)
class DrawnRows:
    """Both sides. `available` counts the agent's candidates for training, `rowless` the selected training runs without
    a row (usually too long), `mixed` the rows of the base model's answers."""

    train: DrawnSide
    validation: DrawnSide
    available: int
    rowless: int
    mixed: tuple[Mixed, ...] = ()

    @property
    def shows_images(self) -> bool:
        """Whether any row of either side contains an image."""
        return self.train.with_images + self.validation.with_images > 0


Kind = tuple[str, tuple[str, ...]]
"""Category and tools of a run."""


class _Kinds:
    """Rows by kind, drawn for the kind or the category that was drawn least so far (ties by name)."""

    def __init__(self, rows: Iterable[Row]) -> None:
        self._waiting: defaultdict[Kind, list[Row]] = defaultdict(list)
        for row in sorted(rows, key=lambda row: row.rank, reverse=True):  # popped from the end
            self._waiting[row.category, row.tools].append(row)
        self._taken = dict.fromkeys(self._waiting, 0)
        self._of_category = dict.fromkeys(sorted({category for category, _ in self._waiting}), 0)
        self._all = [(0, kind) for kind in sorted(self._waiting)]
        self._within = {name: [entry for entry in self._all if entry[1][0] == name] for name in self._of_category}

    def next_of_kind(self) -> Row | None:
        """A row of the least drawn kind; None if no row is left."""
        return self._pop(self._all)

    def next_of_category(self) -> Row | None:
        """A row of the least drawn category, of its least drawn kind; None if no row is left."""
        for category in sorted(self._of_category, key=lambda name: self._of_category[name]):
            row = self._pop(self._within[category])
            if row is not None:
                return row
        return None

    def _pop(self, heap: list[tuple[int, Kind]]) -> Row | None:
        while heap:
            taken, kind = heapq.heappop(heap)
            if taken != self._taken[kind] or not self._waiting[kind]:
                continue  # drawn through the other heap since, or empty
            self._taken[kind] += 1
            self._of_category[kind[0]] += 1
            for each in (self._all, self._within[kind[0]]):
                heapq.heappush(each, (taken + 1, kind))
            return self._waiting[kind].pop()
        return None


def draw_rows(
    *,
    selection: Path,
    tensors: Mapping[str, Path],
    token_budget: int | None,
    row_budget: int | None = None,
    mixture: Mixture = NO_MIXTURE,
) -> DrawnRows:
    """Join selection and tensors, draw within the budgets, and mix in the rows of the tensors named
    `REPLAY_ROWS`, which count towards the budget of tokens. Raises `TrainingDataError`."""
    chosen = {
        row["trajectory_id"]: (row["side"], row["weight"])
        for row in pq.read_table(selection, columns=["trajectory_id", "side", "weight"]).to_pylist()
    }
    sides: dict[str, list[Row]] = {"train": [], "validation": []}
    rowless = {run for run, (side, _) in chosen.items() if side == "train"}
    others: list[Row] = []
    for day, path in tensors.items():
        for row in pq.read_table(path, columns=_FACTS).to_pylist():
            if day == REPLAY_ROWS:
                others.append(_row(row, day=day, weight=1, path=path))
                continue
            rowless.discard(row["trajectory_id"])
            side, weight = chosen.get(row["trajectory_id"], ("out", 0))
            if side in sides:
                sides[side].append(_row(row, day=day, weight=max(1, weight) if side == "train" else 1, path=path))
    of_agent = None if token_budget is None else int(token_budget * mixture.of_agent)
    train = draw_evenly(sides["train"], of_agent, row_budget=row_budget)
    if rowless and not sides["train"]:
        raise TrainingDataError(
            f"{selection}: none of the {len(rowless)} training runs has a row to train on; see the reasons in "
            "token_tensors (too_long, not_reversible), then raise chat.max_length or cut rows "
            "by chat.long_rows: cut_front or split"
        )
    if not train:
        raise TrainingDataError(
            f"{selection}: {len(chosen)} selected runs, {len(sides['train'])} training rows, none drawn; check the "
            "reasons in training_set, chat.max_length and training.token_budget"
        )
    mixed: tuple[Mixed, ...] = ()
    if mixture.shares:
        train, mixed = mix_rows(train, others, mixture)
    allowed = int(min(MAX_VALIDATION_TOKENS, MAX_VALIDATION_SHARE * sum(row.tokens * row.weight for row in train)))
    validation = draw_evenly(sides["validation"], allowed)
    train_ids, validation_ids = _same_columns(_ids(train, tensors), _ids(validation, tensors))
    return DrawnRows(
        train=DrawnSide(rows=train, ids=train_ids),
        validation=DrawnSide(rows=validation, ids=validation_ids),
        available=len(sides["train"]),
        rowless=len(rowless),
        mixed=mixed,
    )


def draw_evenly(rows: Iterable[Row], token_budget: int | None, *, row_budget: int | None = None) -> tuple[Row, ...]:
    """Draw rows within both budgets, alternating between the least drawn kind and the least drawn category.

    By kinds alone a category of few kinds (no_tool has one) would get next to nothing; by tools alone rows with many
    tools would displace rows with one. The draw ends at the first row that does not fit; repeats do not count. Rows are
    returned by the hash of their id.
    """
    rows = tuple(rows)
    most = len(rows) if row_budget is None else min(row_budget, len(rows))
    if token_budget is None and most == len(rows):
        return tuple(sorted(rows, key=lambda row: row.rank))
    kinds = _Kinds(rows)
    kept: list[Row] = []
    tokens = 0
    while len(kept) < most:
        row = kinds.next_of_kind() if len(kept) % 2 == 0 else kinds.next_of_category()
        if row is None or (token_budget is not None and tokens + row.tokens > token_budget):
            break
        tokens += row.tokens
        kept.append(row)
    return tuple(sorted(kept, key=lambda row: row.rank))


def _row(row: dict[str, object], *, day: str, weight: int, path: Path) -> Row:
    candidate = Row(
        row_id=str(row["row_id"]),
        trajectory_id=str(row["trajectory_id"]),
        day=day,
        category=str(row["category"]),
        tools=tuple(sorted(set(row["tools"]))),  # type: ignore[call-overload]
        tokens=int(row["n_tokens"]),  # type: ignore[call-overload]
        loss_tokens=int(row["n_loss_tokens"]),  # type: ignore[call-overload]
        weight=weight,
    )
    if candidate.loss_tokens <= 0:
        raise TrainingDataError(
            f"{path}: row {candidate.row_id} has no loss on any token, so its loss mask is wrong; check the proofs of "
            "that day"
        )
    return candidate


def _ids(rows: tuple[Row, ...], tensors: Mapping[str, Path]) -> pa.Table:
    """Ids and labels of the rows in their order, repeated by weight; with images if a day has any."""
    wanted = pa.array([row.row_id for row in rows], pa.string())
    table = pa.concat_tables(
        [IDS_SCHEMA.empty_table().append_column("row_id", pa.array([], pa.string()))]
        + [
            pa.Table.from_batches([batch]).filter(pc.is_in(batch["row_id"], wanted)).select(columns)
            for path in tensors.values()
            for columns in [
                [name for name in (*IDS_SCHEMA.names, "row_id", IMAGES) if name in pq.read_schema(path).names]
            ]
            for batch in pq.ParquetFile(path).iter_batches(columns=columns)
        ],
        promote_options="permissive",
    )
    index_of = {row_id: index for index, row_id in enumerate(table["row_id"].to_pylist())}
    order = [index_of[row.row_id] for row in rows for _ in range(row.weight)]
    return table.drop_columns("row_id").take(pa.array(order, pa.int64())).combine_chunks()


def _same_columns(*sides: pa.Table) -> list[pa.Table]:
    """Give all sides an image column, or none if no row contains an image."""
    if not any(map(_with_images, sides)):
        return [side.select(IDS_SCHEMA.names) for side in sides]
    return [side.select(IDS_SCHEMA.names).append_column(IMAGES, pa.array(_hashes(side), _HASHES)) for side in sides]


def _with_images(ids: pa.Table) -> int:
    return sum(bool(hashes) for hashes in _hashes(ids)) if IMAGES in ids.column_names else 0


def _hashes(ids: pa.Table) -> list[list[str]]:
    """The image hashes of each row; days without images have no such column."""
    column = ids[IMAGES].to_pylist() if IMAGES in ids.column_names else [None] * ids.num_rows
    return [hashes or [] for hashes in column]


_HASHES = pa.list_(pa.string())


_FACTS = ["row_id", "trajectory_id", "category", "tools", "n_tokens", "n_loss_tokens"]
