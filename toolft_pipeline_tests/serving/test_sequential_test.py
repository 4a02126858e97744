"""The tests of a canary keep their level: exactly, over all short sequences, and by simulation; and they have power."""

from __future__ import annotations

import itertools
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from toolft_pipeline.serving.canary.sequential_test import FailureTest, ParseRateTest

RATES = st.floats(0.0, 1.0)


@given(
    share=st.floats(0.01, 0.5),
    hours=st.lists(st.tuples(RATES, RATES), min_size=3, max_size=3),
)
def test_evidence_of_a_candidate_that_is_no_worse_grows_on_no_average(
    share: float, hours: list[tuple[float, float]]
) -> None:
    """Over all sequences of three conversations, with rates that change from one to the next."""
    expected = 0.0
    for sequence in itertools.product([(arm, failed) for arm in (True, False) for failed in (True, False)], repeat=3):
        test, chance = FailureTest(), 1.0
        for (is_candidate, failed), hour in zip(sequence, hours, strict=True):
            champion, no_worse = max(hour), min(hour)
            rate = no_worse if is_candidate else champion
            chance *= (share if is_candidate else 1 - share) * (rate if failed else 1 - rate)
            test.add(is_candidate=is_candidate, failed=failed, share=share)
        expected += chance * test.evidence
    assert expected <= 1 + 1e-9


@given(min_rate=st.floats(0.0, 1.0), above=st.floats(0.0, 1.0))
def test_evidence_against_a_parse_rate_that_holds_grows_on_no_average(min_rate: float, above: float) -> None:
    rate = min_rate + (1 - min_rate) * above
    expected = 0.0
    for sequence in itertools.product((True, False), repeat=4):
        test, chance = ParseRateTest(min_rate), 1.0
        for parsed in sequence:
            test.add(parsed=parsed)
            chance *= rate if parsed else 1 - rate
        expected += chance * test.evidence if chance else 0.0
    assert expected <= 1 + 1e-9


def _stopped_after(drawn: random.Random, *, share: float, champion: float, candidate: float, looks: int) -> int | None:
    """The first of `looks` conversations after which the evidence is 20; it is looked at after every one."""
    test = FailureTest()
    for number in range(1, looks + 1):
        is_candidate = drawn.random() < share
        failed = drawn.random() < (candidate if is_candidate else champion)
        test.add(is_candidate=is_candidate, failed=failed, share=share)
        if test.evidence >= 20:
            return number
    return None


@pytest.mark.parametrize(("share", "rate"), [(0.5, 0.3), (0.1, 0.1)])
def test_equal_candidate_is_stopped_no_more_often_than_allowed(share: float, rate: float) -> None:
    """At most 5 % over the whole test; 200 runs of 500 looks each, so at most 10 plus three standard errors."""
    drawn = random.Random(1)
    stops = [_stopped_after(drawn, share=share, champion=rate, candidate=rate, looks=500) for _ in range(200)]
    assert sum(stop is not None for stop in stops) <= 10 + 9


@pytest.mark.parametrize(
    ("share", "champion", "candidate", "within"), [(0.5, 0.1, 0.5, 80), (0.1, 0.1, 0.5, 300), (0.2, 0.02, 0.3, 200)]
)
def test_worse_candidate_is_stopped_soon(share: float, champion: float, candidate: float, within: int) -> None:
    """Nine of ten candidates that fail this often are stopped within this many conversations of both arms."""
    drawn = random.Random(2)
    runs = [
        _stopped_after(drawn, share=share, champion=champion, candidate=candidate, looks=within) for _ in range(100)
    ]
    assert sum(stop is not None for stop in runs) >= 90


def test_parse_rate_that_is_certainly_too_low_shows_at_once() -> None:
    test = ParseRateTest(0.9)
    turns = 0
    while test.evidence < 100:
        test.add(parsed=False)
        turns += 1
    assert turns == 3


def test_parse_rate_of_one_allows_no_fault_and_zero_allows_all() -> None:
    strict, lax = ParseRateTest(1.0), ParseRateTest(0.0)
    for _ in range(50):
        strict.add(parsed=True)
        lax.add(parsed=False)
    assert strict.evidence < 1
    assert lax.evidence == 1
    strict.add(parsed=False)
    assert strict.evidence > 1e6


def test_evidence_goes_on_from_its_stored_state() -> None:
    whole, first = FailureTest(), FailureTest()
    for failed in (True, False, True):
        for test in (whole, first):
            test.add(is_candidate=True, failed=failed, share=0.2)
    second = FailureTest(first.log_wealth)
    for test in (whole, second):
        test.add(is_candidate=False, failed=True, share=0.3)
    assert second.evidence == whole.evidence
