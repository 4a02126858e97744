"""Pictures made of characters fit where Dagster's UI unfolds text, and say what they leave out."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from toolft_pipeline.stages.presentation.text_charts import INLINE, bar_table, sparkline


def test_bar_table_has_the_largest_first_with_the_longest_bar() -> None:
    lines = bar_table({"search": 4, "send_email": 8, "calculate": 2}).splitlines()[2:]
    assert lines == [
        "| send\\_email | 8 | ████████████████ |",
        "| search | 4 | ████████ |",
        "| calculate | 2 | ████ |",
    ]


def test_bar_table_of_days_keeps_their_order() -> None:
    table = bar_table({"2026-10-02": 0.5, "2026-10-01": 1.0}, sort=False)
    assert table.index("2026-10-02") < table.index("2026-10-01")


@given(st.dictionaries(st.text(min_size=1, max_size=60), st.floats(0, 1e6) | st.integers(0, 10**6), max_size=120))
def test_bar_table_is_always_shown_at_once_and_counts_what_it_lacks(values: dict[str, float]) -> None:
    table = bar_table(values)
    assert len(table) < INLINE
    rows = table.split("\n")[2:]
    if rows and rows[-1].startswith("| … "):
        assert int(rows[-1].split()[2]) == len(values) - (len(rows) - 1)
    else:
        assert len(rows) == len(values)


def test_bar_table_name_from_a_log_cannot_break_out_of_its_cell() -> None:
    assert bar_table({"a|b\n<img src=x>": 1}).splitlines()[2] == "| a¦b &lt;img src=x> | 1 | ████████████████ |"


def test_sparkline_runs_from_the_least_to_the_most_and_is_never_wider_than_sixty() -> None:
    assert sparkline([3.0, 2.0, 1.0]) == "`█▅▁` 3 → 1"
    assert sparkline([]) == "none"
    assert len(sparkline([float(each) for each in range(1000)], ends=False)) == 62
