from __future__ import annotations

import pytest

from toolft_pipeline.curation.near_duplicates import jaccard
from toolft_pipeline.curation.shingles import normalized, run_shingles, shingles
from toolft_pipeline.trajectories.record import Message
from toolft_pipeline_tests.conversations import calls, result, says, user


def run(order: int, *, wording: str = "Please cancel order {} for me, it came too late.") -> tuple[Message, ...]:
    return (
        user(wording.format(order)),
        calls(("a", "cancel_order", {"order_id": order, "reason": "late delivery"})),
        result("a", "cancel_order", '{"state":"cancelled"}'),
        says(f"Order {order} is cancelled."),
    )


def test_normalized_evens_out_case_punctuation_spacing_and_width() -> None:
    assert normalized("  Cancel\nORDER №7 -- now! ") == normalized("cancel order no7 now")


@pytest.mark.parametrize(
    "wording",
    [
        "please cancel order {} for me -- it came too late!",
        "PLEASE cancel order {} for me; it came too  late",
    ],
)
def test_run_shingles_same_request_in_other_dress_is_the_same_set(wording: str) -> None:
    assert run_shingles(run(7)) == run_shingles(run(7, wording=wording))


def test_run_shingles_same_wording_with_another_entity_is_far_away() -> None:
    assert jaccard(run_shingles(run(7)), run_shingles(run(8))) < 0.6


def test_run_shingles_ignore_results_answers_ids_and_key_order() -> None:
    one = run(7)
    other = (
        one[0],
        calls(("zz", "cancel_order", '{"reason":"late delivery","order_id":7}')),
        result("zz", "cancel_order", "Error: too late"),
        says("No."),
    )
    assert run_shingles(one) == run_shingles(other)


def test_run_shingles_of_malformed_arguments_are_those_of_their_text() -> None:
    assert run_shingles((user("x"), calls(("a", "f", "{broken")))) == {"x", "call f broken"}


def test_shingles_short_and_empty_wordings_are_one_and_none() -> None:
    assert shingles("Thank you!") == {"thank you"}
    assert shingles(" ?! ") == frozenset()
