"""What changed since the last report, in sentences; the record survives on disk and a foreign one is passed over."""

from __future__ import annotations

from pathlib import Path

from msgspec.structs import replace

from toolft_pipeline.evaluation.report.report_inputs import (
    INPUTS_FILE,
    DayOfRows,
    ReportInputs,
    input_changes,
    read_inputs,
    write_inputs,
)

LAST = ReportInputs(
    day="2026-10-04",
    rows={f"2026-10-{day:02}": DayOfRows(rows=10, digest=str(day)) for day in (1, 2, 3, 4)},
    trained_rows=44,
    tools={"search": "s", "send": "m"},
    base="base",
    n_tasks=60,
    tasks="tasks",
    backend="backend",
)


def test_changes_of_the_same_inputs_are_none() -> None:
    assert input_changes(replace(LAST, day="2026-10-05"), LAST) == []


def test_changes_of_data_name_days_and_rows() -> None:
    rows = {day: of for day, of in LAST.rows.items() if day != "2026-10-01"}
    rows |= {"2026-10-05": DayOfRows(rows=7, digest="5"), "2026-10-03": DayOfRows(rows=12, digest="other")}
    assert input_changes(replace(LAST, rows=rows, trained_rows=40), LAST) == [
        "new days in the window: 2026-10-05 (7 rows)",
        "days that left the window: 2026-10-01 (10 rows)",
        "days whose rows changed: 2026-10-03 (+2 rows)",
        "the training read 40 rows, -4 compared with the last report",
    ]


def test_changes_of_the_catalog_name_the_tools() -> None:
    tools = {"search": "changed", **{f"new{number}": "n" for number in range(8)}}
    assert input_changes(replace(LAST, tools=tools), LAST) == [
        "new tools in the catalog: new0, new1, new2, new3, new4, new5 and 2 more",
        "tools that left the catalog: send",
        "tools whose schema or description changed: search",
    ]


def test_changes_of_what_it_is_judged_by_are_named() -> None:
    now = replace(LAST, base="other", tasks="other", backend=None, n_tasks=61)
    assert input_changes(now, LAST) == [
        "the base model is another one",
        "the file of evaluation tasks changed; 61 tasks were asked, 60 the last time",
        "the backend (its code, command or files) changed",
    ]
    assert input_changes(replace(LAST, n_tasks=61), LAST) == ["61 evaluation tasks were asked, 60 the last time"]


def test_inputs_are_read_back_and_a_foreign_file_is_passed_over(tmp_path: Path) -> None:
    assert read_inputs(tmp_path) is None
    write_inputs(LAST, tmp_path)
    assert read_inputs(tmp_path) == LAST
    (tmp_path / INPUTS_FILE).write_text('{"day": 3}')
    assert read_inputs(tmp_path) is None
