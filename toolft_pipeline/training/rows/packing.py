"""Best-fit packing of rows; a row longer than the packed length stays alone.

Invariant: no row is cut, and a long row does not lengthen the other packed rows.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc

from toolft_pipeline.settings import TrainingSettings
from toolft_pipeline.training.rows.sampling import DrawnRows, DrawnSide

if TYPE_CHECKING:
    from datasets import Dataset


def pack_rows(ids: pa.Table, *, length: int, shuffle_seed: int | None = None) -> Dataset:
    """Pack rows into at most `length` tokens, and each longer row alone; `seq_lengths` are the lengths of the rows."""
    from datasets import Dataset, concatenate_datasets
    from trl import pack_dataset

    too_long = pc.greater(pc.list_value_length(ids["input_ids"]), length)
    longer, fitting = ids.filter(too_long), Dataset(ids.filter(pc.invert(too_long)))
    if shuffle_seed is not None:
        fitting = fitting.shuffle(seed=shuffle_seed)
    packed = pack_dataset(fitting, length, "bfd") if len(fitting) else None
    if not longer.num_rows:
        return packed
    lengths = pc.list_value_length(longer["input_ids"]).to_pylist()
    alone = Dataset(longer.append_column("seq_lengths", pa.array([[n] for n in lengths], pa.list_(pa.int32()))))
    return alone if packed is None else concatenate_datasets([packed, alone.cast(packed.features)])


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
