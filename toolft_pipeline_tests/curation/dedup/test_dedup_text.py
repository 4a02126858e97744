from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from toolft_pipeline.curation.dedup.dedup_text import call_lines, distinctive_turns, results_digest, user_turns
from toolft_pipeline.curation.run_signatures import run_sets
from toolft_pipeline.trajectories.record import Message, Part, Role
from toolft_pipeline_tests.conversations import calls, result, says, user
from toolft_pipeline_tests.curation import plain_sets


def run(order: int, *, wording: str = "Please cancel order {} for me, it came too late.") -> tuple[Message, ...]:
    return (
        user(wording.format(order)),
        calls(("a", "cancel_order", {"order_id": order, "reason": "late delivery"})),
        result("a", "cancel_order", '{"state":"cancelled"}'),
        says(f"Order {order} is cancelled."),
    )


def shingles(messages: Sequence[Message]) -> set[int]:
    return set(run_sets([user_turns(messages)], ["\n".join(call_lines(messages))])[0].tolist())


@pytest.mark.parametrize(
    "wording",
    [
        "please cancel order {} for me -- it came too late!",
        "PLEASE cancel order {} for me; it came too  late",
    ],
)
def test_run_text_same_request_in_other_dress_is_the_same_set(wording: str) -> None:
    assert shingles(run(7)) == shingles(run(7, wording=wording))


def test_run_text_same_wording_with_another_entity_is_far_away() -> None:
    one, other = shingles(run(7)), shingles(run(8))
    assert 0 < len(one & other) / len(one | other) < 0.6


def test_user_turns_with_another_image_differ() -> None:
    def asked(*hashes: str) -> tuple[Message, ...]:
        parts = (Part(type="image", image_sha256=sha256, mime="image/png") for sha256 in hashes)
        return (Message(role=Role.USER, content=(Part(type="text", text="What does this chart show?"), *parts)),)

    assert user_turns(asked()) == ["What does this chart show?"]
    assert shingles(asked("a" * 64)) == shingles(asked("a" * 64))
    one, other = shingles(asked("a" * 64)), shingles(asked("b" * 64))
    assert len(one & other) / len(one | other) < 0.7


def test_run_text_ignores_results_answers_ids_and_key_order() -> None:
    one = run(7)
    other = (
        one[0],
        calls(("zz", "cancel_order", '{"reason":"late delivery","order_id":7}')),
        result("zz", "cancel_order", "Error: too late"),
        says("No."),
    )
    assert shingles(one) == shingles(other)


@pytest.mark.parametrize(("one", "other"), [("a.b", "a-b"), ("Get", "get"), ("", "x"), ("a b", "a_b"), ("ﬁnd", "find")])
def test_run_text_names_of_tools_are_words_as_they_stand(one: str, other: str) -> None:
    made = [shingles((user("x"), calls(("a", name, {})))) for name in (one, other)]
    assert [len(found) for found in made] == [2, 2]
    assert made[0] != made[1]


def test_run_text_wording_and_calls_never_meet() -> None:
    assert len(shingles((user("f 1"), calls(("a", "f", "[1]"))))) == 2


MESSAGES = st.lists(
    st.one_of(
        st.text(max_size=30).map(user),
        st.lists(
            st.tuples(
                st.just("a"),
                st.sampled_from(["find_order", "Find-Order", "f"]),
                st.one_of(
                    st.text(max_size=10),
                    st.dictionaries(st.sampled_from("abc"), st.integers(0, 3)),
                    st.just('{"a": NaN'),
                ),
            ),
            max_size=2,
        ).map(lambda wanted: calls(*wanted)),
    ),
    max_size=4,
)


@given(runs=st.lists(MESSAGES, min_size=2, max_size=4))
def test_run_text_runs_share_what_plain_sets_share(runs: list[list[Message]]) -> None:
    sets = run_sets([user_turns(each) for each in runs], ["\n".join(call_lines(each)) for each in runs])
    found = [set(each.tolist()) for each in sets]
    plain = [plain_sets.run_shingles(each) for each in runs]
    assert [len(each) for each in found] == [len(each) for each in plain]
    assert [len(found[0] & each) for each in found] == [len(plain[0] & each) for each in plain]


def test_telling_turns_are_the_long_ones_of_several() -> None:
    long = "I would like to know when my order arrives."
    assert distinctive_turns([long]) == []
    assert distinctive_turns([long, "Yes, please."]) == [long]


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ('{"a": 1, "b": 2}', '{"b":2,"a":1}', True),
        ('{"a": 1}', '{"a": 2}', False),
        ("12 left", "13 left", False),
        ('{"at": "2026-10-01T10:00:00Z"}', '{"at": "2026-10-02T11:30:00+02:00"}', True),
        (
            '{"request": "0f8fad5b-d9cb-469f-a165-70867728950e"}',
            '{"request": "7c9e6679-7425-40de-944b-e07fc1f90ae7"}',
            True,
        ),
        ('{"due": "2026-10-01"}', '{"due": "2026-10-02"}', False),
        ('{"id": 1234567890123456788}', '{"id": 1234567890123456789}', False),
    ],
)
def test_results_digest_is_equal_for_equal_results(one: str, other: str, same: bool) -> None:
    runs = [
        (user("?"), calls((id_, "f", {})), result(id_, "f", text), says("Done."))
        for id_, text in (("a", one), ("b", other))
    ]
    assert (results_digest(runs[0]) == results_digest(runs[1])) is same


def test_results_digest_counts_a_time_that_the_answer_repeats() -> None:
    times = ("2026-10-01T10:00:00Z", "2026-10-02T10:00:00Z")
    runs = [
        (user("When?"), calls(("a", "f", {})), result("a", "f", f'{{"at": "{at}"}}'), says(f"At {at}.")) for at in times
    ]
    assert results_digest(runs[0]) != results_digest(runs[1])
    assert results_digest((user("Hi"), says("Hello."))) == results_digest((user("Hey"), says("Hi.")))
