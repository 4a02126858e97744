from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from toolft_pipeline.evaluation.scoring.confusion import NO_CALL, confusion

TOOLS = st.lists(st.sampled_from(["a", "b", "c"]), max_size=4)


def test_confusion_pairs_equal_tools_first_and_the_rest_in_order() -> None:
    steps = [(["a"], ["a"]), (["a", "b"], ["b", "c"]), (["a"], []), ([], ["b"]), ([], [])]
    assert confusion(steps) == {
        NO_CALL: {NO_CALL: 1, "b": 1},
        "a": {NO_CALL: 1, "a": 1, "c": 1},
        "b": {"b": 1},
    }


@given(st.lists(st.tuples(TOOLS, TOOLS)))
def test_confusion_rows_sum_to_the_expected_calls_and_columns_to_the_made_ones(
    steps: list[tuple[list[str], list[str]]],
) -> None:
    counts = confusion(steps)
    for tool in "abc":
        assert sum(counts.get(tool, {}).values()) == sum(expected.count(tool) for expected, _ in steps)
        assert sum(row.get(tool, 0) for row in counts.values()) == sum(called.count(tool) for _, called in steps)
