"""Pack rows in random order, each into the first pack that has room; a row longer than the packed length stays alone.

TRL's packing (best-fit-decreasing) sorts rows by length, and length goes with what a row teaches: one pack then has
sixteen short answers of the base model, the next two long runs. With a pack a step, each step pulls in another
direction. Packs of mixed rows are as full, and equal tokens give a lower loss (docs/training.md).

Invariant: no row is cut, and a long row does not lengthen the other packed rows.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from toolft_pipeline.settings import TrainingSettings
from toolft_pipeline.training.rows.sampling import DrawnRows, DrawnSide

if TYPE_CHECKING:
    from datasets import Dataset

OPEN_PACKS = 64
"""Packs that wait for rows at a time; the fullest is closed for a new one, so that packing takes linear time."""


def pack_rows(ids: pa.Table, *, length: int, seed: int) -> Dataset:
    """Pack rows (`IDS_SCHEMA`) into at most `length` tokens, and each longer row alone.

    `seq_lengths` are the lengths of a pack's rows. `seed` decides which rows meet.
    """
    from datasets import Dataset

    lengths = pc.list_value_length(ids["input_ids"]).to_numpy()
    order = np.random.default_rng(seed).permutation(len(lengths)).tolist()
    packs = list(_first_fit(order, lengths.tolist(), length))
    rows = np.fromiter((row for pack in packs for row in pack), np.int64, len(lengths))
    offsets = np.cumsum([0, *map(len, packs)])
    tokens = np.cumsum([0, *lengths[rows]])[offsets]
    packed = ids.take(pa.array(rows)).combine_chunks()
    columns = {name: _lists(pc.list_flatten(packed[name]), tokens) for name in packed.column_names}
    return Dataset(pa.table(columns | {"seq_lengths": _lists(pa.array(lengths[rows], pa.int32()), offsets)}))


def _first_fit(rows: Iterable[int], lengths: list[int], most: int) -> Iterator[list[int]]:
    """Rows by pack. A row goes into the oldest open pack that has room, else into a new one."""
    waiting: list[tuple[list[int], int]] = []
    for row in rows:
        size = lengths[row]
        place = next((at for at, (_, used) in enumerate(waiting) if used + size <= most), None)
        if place is not None:
            pack, used = waiting[place]
            pack.append(row)
            waiting[place] = (pack, used + size)
        elif size >= most:
            yield [row]
        else:
            waiting.append(([row], size))
            if len(waiting) > OPEN_PACKS:
                yield waiting.pop(max(range(OPEN_PACKS), key=lambda at: waiting[at][1]))[0]
    yield from (pack for pack, _ in waiting)


def _lists(values: pa.Array, offsets: np.ndarray) -> pa.LargeListArray:
    values = values.combine_chunks() if isinstance(values, pa.ChunkedArray) else values
    return pa.LargeListArray.from_arrays(pa.array(offsets, pa.int64()), values)


def longest_batch(drawn: DrawnRows, training: TrainingSettings) -> int:
    """Tokens of the longest training or validation batch. Rows with images are trained one by one."""
    if drawn.shows_images:
        return max(drawn.train.longest, drawn.validation.longest)
    return max(_longest_batch(side, training) for side in (drawn.train, drawn.validation))


def _longest_batch(side: DrawnSide, training: TrainingSettings) -> int:
    length, size = training.packed_length, training.batch_size
    long_rows = sorted(
        (row.tokens for row in side.rows for _ in range(row.weight) if row.tokens > length), reverse=True
    )
    alone = long_rows[:size]
    rest = side.tokens - sum(long_rows)  # fewer tokens than the packs have room for make shorter packs
    return sum(alone) + min(length * (size - len(alone)), rest)
