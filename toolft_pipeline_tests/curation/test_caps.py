from __future__ import annotations

from collections import Counter

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from toolft_pipeline.curation.caps import needed_by_tools, over_cap

GROUPS = st.lists(st.integers(0, 4), max_size=30)


@given(groups=GROUPS, cap=st.one_of(st.none(), st.integers(1, 4)))
def test_beyond_is_every_row_after_the_first_of_its_group(groups: list[int], cap: int | None) -> None:
    expected = [cap is not None and groups[:place].count(group) >= cap for place, group in enumerate(groups)]
    assert over_cap(np.array(groups, np.int64), cap=cap).tolist() == expected


KIND_TOOLS = [("a",), ("b",), ("a", "b"), (), ("c",)]


@given(cut=GROUPS, staying=GROUPS, least=st.integers(0, 3))
def test_needed_by_tools_keeps_the_minimum_of_each_tool(cut: list[int], staying: list[int], least: int) -> None:
    stays = needed_by_tools(
        np.array(cut, np.int64), np.array(staying, np.int64), kind_tools=KIND_TOOLS, tools="abc", least=least
    )
    kept = staying + [kind for kind, stay in zip(cut, stays.tolist(), strict=True) if stay]
    before, after, everything = (
        Counter(tool for kind in kinds for tool in KIND_TOOLS[kind]) for kinds in (staying, kept, staying + cut)
    )
    for tool in "abc":
        assert after[tool] >= min(least, everything[tool])
    if all(before[tool] >= least for tool in "abc"):
        assert not stays.any()
