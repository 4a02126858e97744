"""Thresholds at their very border, and small rules of dedup and curation that only a border shows."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest

from toolft_pipeline.curation.dedup import near_duplicates
from toolft_pipeline.curation.dedup.contamination import NO_MATCH, Contamination, TaskText
from toolft_pipeline.curation.dedup.dedup_text import distinctive_turns, results_digest
from toolft_pipeline.curation.dedup.jaccard import gather
from toolft_pipeline.curation.dedup.minhash import signatures
from toolft_pipeline.curation.dedup.near_duplicates import SURVIVES, Documents, find_survivors
from toolft_pipeline.curation.dedup.shingles import Sets, offsets_of, shingle_sets
from toolft_pipeline.curation.run_signatures import set_digests, write_signatures
from toolft_pipeline.curation.selection import select_training_set
from toolft_pipeline.curation.split import kept_for_tools
from toolft_pipeline.trajectories.record import Trajectory
from toolft_pipeline_tests.agents import agent
from toolft_pipeline_tests.conversations import accepted, calls, result, says, trajectory, user
from toolft_pipeline_tests.curation import plain_sets

WORDS = " ".join(f"word{number}" for number in range(42))
SHORTER = " ".join(f"word{number}" for number in range(34))
AT = 0.8
"""Similarity of the two texts: 32 of 40 shingles."""


def test_the_two_texts_are_exactly_at_the_border() -> None:
    assert plain_sets.similarity(plain_sets.shingles(WORDS), plain_sets.shingles(SHORTER)) == AT


def survivors(texts: list[str], *, threshold: float) -> list[int]:
    sets = shingle_sets(texts)

    def some(numbers: near_duplicates.Numbers) -> Sets:
        values, sizes = gather(sets, numbers)
        return Sets(values=values, offsets=offsets_of(sizes))

    documents = Documents(signatures=signatures(sets), digests=set_digests(sets), sets=some)
    found: list[int] = find_survivors(documents, threshold=threshold).tolist()
    return found


def test_runs_at_the_threshold_are_near_duplicates() -> None:
    assert survivors([WORDS, SHORTER], threshold=AT) == [SURVIVES, 0]
    assert survivors([WORDS, SHORTER], threshold=AT + 1e-6) == [SURVIVES, SURVIVES]


def test_run_at_the_threshold_repeats_the_task() -> None:
    tasks = [TaskText(task_id="t1", user_turns=(WORDS,))]
    runs = shingle_sets([SHORTER])
    assert Contamination(tasks, threshold=AT).first_text(runs).tolist() == [0]
    assert Contamination(tasks, threshold=AT + 1e-6).first_text(runs).tolist() == [NO_MATCH]


def test_one_turn_of_a_longer_task_is_the_task() -> None:
    """As a whole the task is about other things; turns of fewer than eight words identify nothing."""
    turns = ("Good morning, is anybody there who can help me with several things?", "Yes, please.", TASK)
    tasks = Contamination([TaskText(task_id="t7", user_turns=turns)], threshold=AT)
    found = tasks.first_text(shingle_sets([TASK.upper(), "yes please"])).tolist()
    assert [None if match == NO_MATCH else tasks.task_ids[match] for match in found] == ["t7", None]


def test_turn_of_eight_words_is_recognized_alone() -> None:
    eight, seven = "one two three four five six seven eight", "one two three four five six seven"
    assert distinctive_turns([eight, seven, "Yes."]) == [eight]


def test_pairs_of_other_sizes_are_not_compared(monkeypatch: pytest.MonkeyPatch) -> None:
    """A text of half the size cannot be similar enough, whatever the estimate says."""
    compared: list[int] = []
    exact = near_duplicates.jaccard

    def counted(sets: Sets, one: near_duplicates.Numbers, other: near_duplicates.Numbers) -> Any:
        compared.append(len(one))
        return exact(sets, one, other)

    monkeypatch.setattr(near_duplicates, "jaccard", counted)
    monkeypatch.setattr(near_duplicates, "min_estimate", lambda _threshold: 0.0)
    monkeypatch.setattr(near_duplicates, "bands_for", lambda _threshold: near_duplicates.PERMUTATIONS)
    half = " ".join(WORDS.split()[:22])
    assert survivors([WORDS, half], threshold=AT) == [SURVIVES, SURVIVES]
    assert sum(compared) == 0
    assert survivors([WORDS, SHORTER], threshold=AT) == [SURVIVES, 0]
    assert sum(compared) == 1


TASK = "Tell me please when the parcel with the green lamp for Ada Lovelace will arrive in Porto."


def reasons(folder: Path, runs: list[Trajectory], **curation: Any) -> dict[str, str]:
    """Why each run of a day is where it is, beside one evaluation task."""
    signed, tasks = folder / "signatures.parquet", folder / "tasks.jsonl"
    write_signatures(accepted(runs), signed)
    tasks.write_text(json.dumps({"task_id": "t7", "user_turns": [TASK]}) + "\n")
    settings = agent(folder, curation=curation)
    select_training_set(
        days={"2026-10-01": signed}, tasks=tasks, tools=("find",), curation=settings.curation, out=folder
    )
    rows = pq.read_table(folder / "selection.parquet").to_pylist()
    return {row["trajectory_id"]: row["reason"] for row in rows}


def test_task_asked_in_one_turn_of_a_run_is_out(tmp_path: Path) -> None:
    """As a whole the conversation is about other things."""
    chat = [user("Good morning, is anybody there who can help me with several things today?"), says("Yes."), user(TASK)]
    long = [says("Tomorrow."), user("And please also change my delivery address to the new office."), says("Done.")]
    found = reasons(tmp_path, [trajectory(*chat, *long, id_="leak"), trajectory(*chat[:1], says("Yes."), id_="clean")])
    assert found["leak"].startswith("contaminated: same request as evaluation task t7")
    assert not found["clean"].startswith("contaminated")


def test_selection_is_sorted_by_id_whatever_came_first(tmp_path: Path) -> None:
    """Golden and older runs come first where runs compete, not in the table."""
    runs = [
        trajectory(user("Where is order one?"), says("Here."), id_="b", started_at="2026-10-01T09:00:00Z"),
        trajectory(user("Who sold the second one?"), says("Ada."), id_="a", started_at="2026-10-01T10:00:00Z"),
        trajectory(user("What does a lamp cost?"), says("Nine."), id_="c", golden=True),
    ]
    assert list(reasons(tmp_path, runs)) == ["a", "b", "c"]


def test_every_result_counts() -> None:
    def run(first: str, second: str) -> int:
        return results_digest(
            [
                user("Which?"),
                calls(("a", "find", {}), ("b", "find", {})),
                result("a", "find", first),
                result("b", "find", second),
            ]
        )

    assert len({run("1", "2"), run("3", "2"), run("1", "3"), run("2", "1")}) == 4


def test_keys_nearest_to_the_threshold_move_first() -> None:
    """The lowest hashes are held out, so the highest of them are the nearest; no more move than the tool needs."""
    held_out = [(5, ("find",)), (90, ("find",)), (40, ("find",)), (70, ("other",))]
    moved = kept_for_tools(held_out, training_rows={"find": 1, "other": 2}, tools=("find", "other"), least=2)
    assert moved == {90: "find"}
    moved = kept_for_tools(held_out, training_rows={"find": 0, "other": 2}, tools=("find", "other"), least=2)
    assert moved == {90: "find", 40: "find"}
    assert np.all([key in {5, 40, 70, 90} for key in moved])
