"""Select the training set: for every verified run its split, its weight, and the reason.

Invariant: the selection is a function of the set of runs; the order of files, days and rows does not matter. Every
verified run of the window has exactly one row, selected or not, with its reason.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from toolft_pipeline.curation.caps import needed_by_tools, over_cap
from toolft_pipeline.curation.dedup.contamination import NO_MATCH, Contamination, read_task_texts
from toolft_pipeline.curation.dedup.conversation_prefixes import find_continuations
from toolft_pipeline.curation.dedup.jaccard import Numbers
from toolft_pipeline.curation.dedup.near_duplicates import SURVIVES, Documents, find_survivors
from toolft_pipeline.curation.oversampling import repeats_of, weight_of
from toolft_pipeline.curation.own_runs import OWN_RUN, OwnRuns, left_out, own_runs
from toolft_pipeline.curation.split import Split, is_validation, kept_for_tools
from toolft_pipeline.curation.window import Window, read_window
from toolft_pipeline.settings import CurationSettings

SELECTION_FILE = "selection.parquet"

SELECTION_SCHEMA = pa.schema(
    [
        pa.field("trajectory_id", pa.string(), nullable=False),
        pa.field("day", pa.string(), nullable=False),
        pa.field("side", pa.string(), nullable=False),
        pa.field("weight", pa.int32(), nullable=False),
        pa.field("duplicate_of", pa.string()),
        pa.field("reason", pa.string(), nullable=False),
        pa.field("category", pa.string(), nullable=False),
        pa.field("tools", pa.list_(pa.string()), nullable=False),
    ]
)
"""`weight` is the number of repeats in an epoch, 0 for a run that is out."""


@dataclass(frozen=True, kw_only=True)
class SelectionSummary:
    """Counts of a selection; `tools` counts training rows, `thin_tools` have fewer than `min_rows_per_tool`.

    `continued_in_another` counts runs that are a prefix of another run: a conversation that was logged again with each
    turn. `family_holdout` is the share of validation task keys whose kinds (category and set of tools) no training row
    has: how much of the validation loss measures unseen kinds. `repeated` are the training runs of a weight above 1,
    `repeats` how often they are seen beyond once. `own`: see `OwnRuns`.
    """

    rows: int
    train: int
    validation: int
    continued_in_another: int
    near_duplicates: int
    contaminated: int
    capped: int
    repeated: int
    repeats: int
    family_holdout: float
    own: OwnRuns
    categories: dict[str, int]
    tools: dict[str, int]
    thin_tools: tuple[str, ...]


@dataclass(kw_only=True)
class _Decisions:
    """The decisions so far on each run of the window: split, reason, and the run that it duplicates."""

    side: NDArray[np.object_]
    reason: NDArray[np.object_]
    duplicate_of: Numbers
    weight: NDArray[np.int32]
    continued_in_another: int = 0
    own_left_out: int = 0

    def exclude(self, runs: Numbers, reasons: Sequence[str]) -> None:
        self.side[runs] = Split.OUT
        self.reason[runs] = reasons


def select_training_set(
    *,
    days: Mapping[str, Path],
    tasks: Path | None,
    tools: Collection[str],
    curation: CurationSettings,
    out: Path,
) -> SelectionSummary:
    """Write `selection.parquet` from the days' signature files (day -> file), sorted by day and trajectory id.

    `tasks` is the file of evaluation tasks to keep out of training, `tools` the catalog's names. Raises
    `TaskTextError`.
    """
    texts = read_task_texts(tasks) if tasks is not None else []
    contamination = Contamination(texts, threshold=curation.near_duplicate_threshold)
    window = read_window(days, contamination=contamination, seed=curation.seed)
    decided = _decide(window, contamination.task_ids, tools=tools, curation=curation)
    pq.write_table(_table(window, decided), out / SELECTION_FILE, compression="zstd")
    return _summary(window, decided, tools=tools, least=curation.min_rows_per_tool)


def _decide(
    window: Window, task_ids: Sequence[str], *, tools: Collection[str], curation: CurationSettings
) -> _Decisions:
    everything = np.full(len(window), None, object)
    decided = _Decisions(
        side=everything,
        reason=everything.copy(),
        duplicate_of=np.full(len(window), NO_MATCH),
        weight=np.zeros(len(window), np.int32),
    )
    leaks = np.flatnonzero(window.task != NO_MATCH)
    tasks = (task_ids[task] for task in window.task[leaks])
    decided.exclude(leaks, [f"contaminated: same request as evaluation task {task}" for task in tasks])
    over = left_out(window.ids, window.own & (window.task == NO_MATCH), curation=curation)
    decided.own_left_out = int(np.count_nonzero(over))
    decided.exclude(np.flatnonzero(over), [OWN_RUN.format(weight=curation.own_run_weight)] * decided.own_left_out)
    complete = _without_prefixes(window, np.flatnonzero((window.task == NO_MATCH) & ~over), decided)
    used = _without_near_duplicates(window, complete, decided, threshold=curation.near_duplicate_threshold)
    _split(window, used, decided, tools=tools, curation=curation)
    _cap(window, used[decided.side[used] == Split.TRAIN], decided, tools=tools, curation=curation)
    _weigh(window, decided, curation=curation)
    return decided


def _without_prefixes(window: Window, clean: Numbers, decided: _Decisions) -> Numbers:
    """The runs that no other run continues; the others are excluded, because the longer run has all of their turns.

    This comes before near-duplicates, where the shorter run may survive.
    """
    continuations = find_continuations(window.conversations, window.beginnings(), among=clean)[clean]
    prefixes, longer = clean[continuations != NO_MATCH], continuations[continuations != NO_MATCH]
    names = window.ids.take(pa.array(longer)).to_pylist()
    decided.duplicate_of[prefixes] = longer
    decided.exclude(
        prefixes, [f"prefix of {name}: the same conversation, logged again with more turns" for name in names]
    )
    decided.continued_in_another = len(prefixes)
    complete: Numbers = clean[continuations == NO_MATCH]
    return complete


def _without_near_duplicates(window: Window, clean: Numbers, decided: _Decisions, *, threshold: float) -> Numbers:
    """The survivors of near-duplicates; the others are excluded, each with the name of its survivor."""
    documents = Documents(
        signatures=window.signatures[clean],
        digests=window.digests[clean],
        groups=window.results[clean],
        sets=lambda numbers: window.sets(clean[numbers]),
    )
    duplicate_of = find_survivors(documents, threshold=threshold)
    repeats = clean[duplicate_of != SURVIVES]
    survivors = clean[duplicate_of[duplicate_of != SURVIVES]]
    decided.duplicate_of[repeats] = survivors
    names = window.ids.take(pa.array(survivors)).to_pylist()
    decided.exclude(repeats, [f"near-duplicate of {name}" for name in names])
    survive: Numbers = clean[duplicate_of == SURVIVES]
    return survive


def _split(
    window: Window, used: Numbers, decided: _Decisions, *, tools: Collection[str], curation: CurationSettings
) -> None:
    validation = is_validation(window.key[used], share=curation.validation_share)
    held_out = used[validation]
    decided.side[used] = np.where(validation, Split.VALIDATION, Split.TRAIN)
    decided.reason[used] = "split by hash of the task key"
    moved = kept_for_tools(
        zip(window.key[held_out].tolist(), _tools_of(window, held_out), strict=True),
        training_rows=_rows_by_tool(window, used[~validation]),
        tools=tools,
        least=curation.min_rows_per_tool,
    )
    kept = held_out[np.isin(window.key[held_out], np.fromiter(moved, np.uint64, len(moved)))]
    decided.side[kept] = Split.TRAIN
    decided.reason[kept] = [f"moved to training for the tool {moved[key]}" for key in window.key[kept].tolist()]


def _cap(
    window: Window, training: Numbers, decided: _Decisions, *, tools: Collection[str], curation: CurationSettings
) -> None:
    """Exclude rows beyond the caps; `training` is in order of priority."""
    of_task = over_cap(window.key[training], cap=curation.max_rows_per_task)
    of_kind = np.zeros(len(training), np.bool_)
    of_kind[~of_task] = over_cap(window.kind[training[~of_task]], cap=curation.max_rows_per_kind)
    over = of_task | of_kind
    cut = training[over]
    stays = needed_by_tools(
        window.kind[cut],
        window.kind[training[~over]],
        kind_tools=[kind.tools for kind in window.kinds],
        tools=tools,
        least=curation.min_rows_per_tool,
    )
    task = f"capped: its task already has {curation.max_rows_per_task} rows"
    kind = f"capped: its category and tools already have {curation.max_rows_per_kind} rows"
    decided.exclude(cut[~stays], [task if by_task else kind for by_task in of_task[over][~stays]])


def _weigh(window: Window, decided: _Decisions, *, curation: CurationSettings) -> None:
    decided.weight[decided.side == Split.VALIDATION] = 1
    training = np.flatnonzero(decided.side == Split.TRAIN)
    rows_by_tool = _rows_by_tool(window, training)
    weights = [
        weight_of(kind.category, kind.tools, rows_by_tool=rows_by_tool, curation=curation) for kind in window.kinds
    ]
    of_run = np.array(weights, np.float64)[window.kind[training]]
    decided.weight[training] = of_run.astype(np.int32)
    for place in np.flatnonzero(of_run % 1).tolist():
        run = int(training[place])
        trajectory_id = window.ids[run].as_py()
        decided.weight[run] = repeats_of(trajectory_id, weight=float(of_run[place]), seed=curation.seed)


def _tools_of(window: Window, runs: Numbers) -> list[tuple[str, ...]]:
    return [window.kinds[kind].tools for kind in window.kind[runs].tolist()]


def _rows_by_tool(window: Window, runs: Numbers) -> Counter[str]:
    counts: Counter[str] = Counter()
    for kind, rows in zip(window.kinds, _rows_by_kind(window, runs), strict=True):
        counts.update(dict.fromkeys(kind.tools, rows))
    return counts


def _rows_by_kind(window: Window, runs: Numbers) -> list[int]:
    rows: list[int] = np.bincount(window.kind[runs], minlength=len(window.kinds)).tolist()
    return rows


def _table(window: Window, decided: _Decisions) -> pa.Table:
    duplicates = pa.array(decided.duplicate_of, mask=decided.duplicate_of == NO_MATCH)
    kinds = pa.array(window.kind)
    table = pa.Table.from_arrays(
        [
            window.ids,
            window.days,
            pa.array(decided.side, pa.string()),
            pa.array(decided.weight),
            window.ids.take(duplicates),
            pa.array(decided.reason, pa.string()),
            pa.array([kind.category.value for kind in window.kinds], pa.string()).take(kinds),
            pa.array([list(kind.tools) for kind in window.kinds], pa.list_(pa.string())).take(kinds),
        ],
        schema=SELECTION_SCHEMA,
    )
    order = pc.sort_indices(table, sort_keys=[("day", "ascending"), ("trajectory_id", "ascending")])
    return table.take(order).combine_chunks()


def _summary(window: Window, decided: _Decisions, *, tools: Collection[str], least: int) -> SelectionSummary:
    train = np.flatnonzero(decided.side == Split.TRAIN)
    counts = _rows_by_tool(window, train)
    categories: Counter[str] = Counter()
    for kind, rows in zip(window.kinds, _rows_by_kind(window, train), strict=True):
        categories[kind.category.value] += rows
    repeats = int(np.count_nonzero(decided.duplicate_of != NO_MATCH))
    contaminated = int(np.count_nonzero(window.task != NO_MATCH))
    own = own_runs(window, trained=decided.side == Split.TRAIN, left_out=decided.own_left_out)
    return SelectionSummary(
        rows=len(window),
        train=len(train),
        validation=int(np.count_nonzero(decided.side == Split.VALIDATION)),
        continued_in_another=decided.continued_in_another,
        near_duplicates=repeats - decided.continued_in_another,
        contaminated=contaminated,
        capped=int(np.count_nonzero(decided.side == Split.OUT)) - repeats - contaminated - own.left_out,
        repeated=int(np.count_nonzero(decided.weight > 1)),
        repeats=int(decided.weight[train].sum()) - len(train),
        family_holdout=_family_holdout(window, decided),
        own=own,
        categories={name: rows for name, rows in sorted(categories.items()) if rows},
        tools={tool: counts[tool] for tool in sorted(tools)},
        thin_tools=tuple(tool for tool in sorted(tools) if counts[tool] < least),
    )


def _family_holdout(window: Window, decided: _Decisions) -> float:
    held = np.flatnonzero(decided.side == Split.VALIDATION)
    shown = np.isin(window.kind[held], window.kind[decided.side == Split.TRAIN])
    keys, known = np.unique(window.key[held]), np.unique(window.key[held[shown]])
    return round(1 - len(known) / len(keys), 4) if len(keys) else 0.0
