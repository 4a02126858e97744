from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from toolft_pipeline.curation.dedup.repeated_conversations import RepeatedConversations
from toolft_pipeline_tests.conversations import says, user


@given(runs=st.lists(st.text(alphabet="ab", max_size=4), max_size=10))
def test_continued_runs_are_those_that_another_begins_with(runs: list[str]) -> None:
    again = RepeatedConversations()
    for run in runs:
        again.add([(says if place % 2 else user)(letter) for place, letter in enumerate(run)])
    expected = [bool(run) and any(other != run and other.startswith(run) for other in runs) for run in runs]
    assert again.continued().tolist() == expected
