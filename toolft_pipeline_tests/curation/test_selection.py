from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from toolft_pipeline.curation.run_signatures import write_signatures
from toolft_pipeline.curation.selection import SELECTION_SCHEMA, SelectionSummary, select_training_set
from toolft_pipeline.training.rows.sampling import draw_rows
from toolft_pipeline.trajectories.record import Trajectory
from toolft_pipeline_tests.agents import agent
from toolft_pipeline_tests.conversations import accepted, calls, result, says, trajectory, user
from toolft_pipeline_tests.curation import plain_sets
from toolft_pipeline_tests.training.made_rows import Made, write_inputs

TASK_TEXT = "Tell me please when the parcel with the green lamp for Ada Lovelace will arrive in Porto."


def cancel(
    number: int, *, id_: str, wording: str = "Please cancel order {} for me, it came too late.", **fields: Any
) -> Trajectory:
    return trajectory(
        user(wording.format(number)),
        calls(("a", "cancel_order", {"order_id": number, "reason": "late delivery"})),
        result("a", "cancel_order", "{}"),
        says("Done."),
        id_=id_,
        task_key=f"cancel|{number}",
        **fields,
    )


def runs() -> dict[str, list[Trajectory]]:
    other = "please CANCEL order {} for me; it came too late!"
    return {
        "2026-10-01": [cancel(number, id_=f"a{number}") for number in range(40)],
        "2026-10-02": [
            *(cancel(number, id_=f"b{number}") for number in range(40, 60)),
            *(cancel(number, id_=f"repeat{number}", wording=other) for number in range(5)),
            cancel(50, id_="golden50", golden=True),
            trajectory(user(TASK_TEXT), says("Tomorrow."), id_="leak", task_key="parcel|ada"),
            trajectory(
                user("What is two plus two?"),
                calls(("a", "add", {"n": [2, 2]})),
                result("a", "add", "4"),
                says("4"),
                id_="rare",
                task_key="held out 2",
            ),
        ],
    }


def select(
    folder: Path,
    days: dict[str, list[Trajectory]],
    *,
    tools: tuple[str, ...] = ("add", "cancel_order", "unused"),
    **curation: Any,
) -> tuple[SelectionSummary, list[dict[str, Any]]]:
    signed = {}
    for day, rows in days.items():
        (folder / day).mkdir(parents=True)
        signed[day] = folder / day / "signatures.parquet"
        write_signatures(accepted(rows), signed[day])
    tasks = folder / "tasks.jsonl"
    tasks.write_text(json.dumps({"task_id": "t7", "user_turns": [TASK_TEXT.upper()]}) + "\n")
    (folder / "out").mkdir()
    settings = agent(folder, curation={"validation_share": 0.3, **curation})
    summary = select_training_set(days=signed, tasks=tasks, tools=tools, curation=settings.curation, out=folder / "out")
    table = pq.read_table(folder / "out" / "selection.parquet")
    assert table.schema.equals(SELECTION_SCHEMA)
    return summary, table.to_pylist()


def test_selection_every_run_has_one_row_with_its_reason(tmp_path: Path) -> None:
    summary, rows = select(tmp_path, runs())
    assert len(rows) == summary.rows == sum(len(day) for day in runs().values())
    assert all(row["reason"] for row in rows)
    outs = summary.near_duplicates + summary.contaminated + summary.capped
    assert summary.train + summary.validation + outs == summary.rows
    assert all((row["weight"] == 0) is (row["side"] == "out") for row in rows)


def test_selection_near_duplicates_name_older_or_golden_run(tmp_path: Path) -> None:
    _, rows = select(tmp_path, runs())
    out = {row["trajectory_id"]: row["duplicate_of"] for row in rows if row["duplicate_of"]}
    assert out == {f"repeat{number}": f"a{number}" for number in range(5)} | {"b50": "golden50"}


def balance(number: int, state: object, *, took: int = 0) -> Trajectory:
    returned = json.dumps({"balance": state, "took_ms": took, "at": f"2026-10-01T10:00:{number:02}Z"})
    return trajectory(
        user("What is my balance?"),
        calls((f"c{number}", "get_balance", {})),
        result(f"c{number}", "get_balance", returned),
        says(f"Your balance is {state}."),
        id_=f"run{number:02}",
    )


def test_selection_keeps_equal_requests_with_other_results(tmp_path: Path) -> None:
    asked = [balance(number, 100 + number % 12) for number in range(36)]
    _, rows = select(tmp_path, {"2026-10-01": asked}, tools=("get_balance",))
    repeats = {row["trajectory_id"]: row["duplicate_of"] for row in rows}
    assert repeats == {f"run{number:02}": f"run{number % 12:02}" if number > 11 else None
                       for number in range(36)}  # fmt: skip


def test_selection_values_under_volatile_keys_make_no_other_run(tmp_path: Path) -> None:
    asked = [balance(number, 100, took=number) for number in range(4)]
    for volatile, left in (((), 4), (("took_ms",), 1)):
        folder = tmp_path / str(left)
        (folder / "day").mkdir(parents=True)
        write_signatures(accepted(asked), folder / "signatures.parquet", volatile=volatile)
        settings = agent(folder)
        summary = select_training_set(
            days={"2026-10-01": folder / "signatures.parquet"},
            tasks=None,
            tools=(),
            curation=settings.curation,
            out=folder,
        )
        assert summary.rows - summary.near_duplicates == left


def test_selection_near_duplicates_equal_those_of_plain_sets(tmp_path: Path) -> None:
    draw = random.Random(3)
    days: dict[str, list[Trajectory]] = {f"2026-10-0{day}": [] for day in (1, 2, 3)}
    for number in range(90):
        wording = [f"word{word}of{draw.randrange(8)}" if word > 58 else f"{number % 9}x{word}" for word in range(60)]
        run = cancel(number % 9, id_=f"run{number}", wording=" ".join(wording), started_at=f"{draw.random()}")
        days[draw.choice(list(days))].append(run)
    in_order = [run for day in days.values() for run in sorted(day, key=lambda run: run.started_at or "")]
    sets = {run.trajectory_id: plain_sets.run_shingles(run.messages) for run in in_order}
    expected: dict[str, str | None] = {}
    for run in in_order:
        survivors = (id_ for id_, repeats in expected.items() if repeats is None)
        near = (id_ for id_ in survivors if plain_sets.similarity(sets[id_], sets[run.trajectory_id]) >= 0.85)
        expected[run.trajectory_id] = next(near, None)
    _, rows = select(tmp_path, days)
    assert {row["trajectory_id"]: row["duplicate_of"] for row in rows} == expected
    assert len({frozenset(found) for found in sets.values()}) > 50  # most are near and not equal
    assert 9 <= list(expected.values()).count(None) < 20


def test_selection_keeps_the_earlier_of_near_duplicates(tmp_path: Path) -> None:
    late = cancel(1, id_="a", started_at="2026-10-01T10:00:00Z")
    early = cancel(1, id_="b", started_at="2026-10-01T09:00:00Z")
    _, rows = select(tmp_path, {"2026-10-01": [late, early]})
    assert [(row["trajectory_id"], row["duplicate_of"]) for row in rows] == [("a", "b"), ("b", None)]


def test_selection_run_that_asks_what_a_task_asks_is_out(tmp_path: Path) -> None:
    summary, rows = select(tmp_path, runs())
    (leak,) = (row for row in rows if row["trajectory_id"] == "leak")
    assert (leak["side"], leak["reason"]) == ("out", "contaminated: same request as evaluation task t7")
    assert summary.contaminated == 1


def test_selection_one_task_key_is_on_one_side(tmp_path: Path) -> None:
    days = runs()
    days["2026-10-03"] = [
        cancel(number, id_=f"c{number}", wording="Order {} is no longer wanted at all, get rid of it.")
        for number in range(40)
    ]
    _, rows = select(tmp_path, days)
    sides = {row["trajectory_id"]: row["side"] for row in rows}
    assert {sides[f"a{number}"] == sides[f"c{number}"] for number in range(40)} == {True}
    assert set(sides.values()) == {"train", "validation", "out"}


def test_selection_order_of_days_and_rows_plays_no_part(tmp_path: Path) -> None:
    _, first = select(tmp_path / "one", runs())
    shuffled = {day: random.Random(1).sample(rows, len(rows)) for day, rows in reversed(runs().items())}
    _, second = select(tmp_path / "two", shuffled)
    assert first == second
    files = [tmp_path / name / "out" / "selection.parquet" for name in ("one", "two")]
    assert files[0].read_bytes() == files[1].read_bytes()


def test_selection_new_day_moves_no_earlier_run(tmp_path: Path) -> None:
    _, before = select(tmp_path / "one", {"2026-10-01": runs()["2026-10-01"]})
    _, after = select(tmp_path / "two", runs())
    assert [row for row in after if row["day"] == "2026-10-01"] == before


@pytest.mark.parametrize("least", [0, 1])
def test_selection_rare_tool_keeps_its_training_rows(tmp_path: Path, least: int) -> None:
    summary, rows = select(tmp_path, runs(), min_rows_per_tool=least)
    (rare,) = (row for row in rows if row["trajectory_id"] == "rare")
    assert rare["side"] == ("train" if least else "validation")
    assert summary.thin_tools == (("unused",) if least else ())
    assert ("the tool add" in rare["reason"]) is bool(least)


def test_selection_empty_window_is_an_empty_selection(tmp_path: Path) -> None:
    summary, rows = select(tmp_path, {"2026-10-01": []})
    assert (summary.rows, rows) == (0, [])


def again(count: int) -> dict[str, list[Trajectory]]:
    """Runs of one task and kind in wordings far from each other, one golden, and one run of a rare tool."""
    wordings = [f"w{n} x{n} y{n} z{n} for order {{}} please" for n in range(count)]
    rows = [
        cancel(3, id_=f"same{n}", wording=wording, started_at=f"2026-10-01T10:00:{count - n:02}Z")
        for n, wording in enumerate(wordings)
    ]
    return {"2026-10-01": [*rows, cancel(3, id_="golden", wording="quite another wish about {}", golden=True)]}


@pytest.mark.parametrize(
    ("curation", "why"),
    [
        ({"max_rows_per_task": 3}, "capped: its task already has 3 rows"),
        ({"max_rows_per_kind": 3}, "capped: its category and tools already have 3 rows"),
        ({"max_rows_per_task": 3, "max_rows_per_kind": 7}, "capped: its task already has 3 rows"),
    ],
)
def test_selection_cap_keeps_golden_and_older_runs(tmp_path: Path, curation: dict[str, int], why: str) -> None:
    summary, rows = select(tmp_path, again(10), validation_share=0, **curation)
    assert {row["trajectory_id"] for row in rows if row["side"] == "train"} == {"golden", "same9", "same8"}
    assert {row["reason"] for row in rows if row["side"] == "out"} == {why}
    assert (summary.train, summary.capped) == (3, 8)


def test_selection_cap_leaves_a_tool_its_minimum(tmp_path: Path) -> None:
    summary, rows = select(
        tmp_path, again(10), validation_share=0, max_rows_per_task=3, min_rows_per_tool=5, tools=("cancel_order",)
    )
    assert (summary.train, summary.thin_tools) == (5, ())
    assert {"same7", "same6"} < {row["trajectory_id"] for row in rows if row["side"] == "train"}


def test_selection_weights_repeat_training_rows_and_no_others(tmp_path: Path) -> None:
    summary, rows = select(tmp_path, runs(), weights={"single_call": 2}, repeat_tools_to=3)
    assert {(row["side"], row["tools"][0], row["weight"]) for row in rows if row["tools"] and row["side"] != "out"} == {
        ("train", "cancel_order", 2),
        ("validation", "cancel_order", 1),
        ("train", "add", 3),
    }
    assert summary.repeated == summary.train
    assert {row["weight"] for row in rows if row["side"] == "out"} == {0}


def test_selection_weights_reach_training(tmp_path: Path) -> None:
    _, rows = select(tmp_path, {"2026-10-01": runs()["2026-10-01"]}, weights={"single_call": 3})
    made = [Made(name=row["trajectory_id"].removeprefix("run-"), prompt=8, answer=4) for row in rows]
    tensors = write_inputs(tmp_path / "training", made, days=["2026-10-01"]).tensors
    renamed = pq.read_table(tmp_path / "out" / "selection.parquet")
    ids = pa.array([f"run-{row['trajectory_id']}" for row in rows])
    pq.write_table(renamed.set_column(0, renamed.schema.field(0), ids), tmp_path / "selection.parquet")
    drawn = draw_rows(selection=tmp_path / "selection.parquet", tensors=tensors, token_budget=None)
    train = [row for row in rows if row["side"] == "train"]
    assert len(drawn.train.ids) == 3 * len(train) == 3 * len(drawn.train.rows)
    assert drawn.train.tokens == 3 * 12 * len(train)
    assert {row.weight for row in drawn.validation.rows} == {1}


def test_selection_family_holdout_counts_unseen_kinds(tmp_path: Path) -> None:
    summary, rows = select(tmp_path, runs(), min_rows_per_tool=0)
    held = [row for row in rows if row["side"] == "validation"]
    assert "rare" in {row["trajectory_id"] for row in held}
    assert summary.family_holdout == pytest.approx(1 / len(held), abs=1e-4)  # each of these runs has a task of its own
    assert select(tmp_path / "kept", runs(), min_rows_per_tool=1)[0].family_holdout == 0
