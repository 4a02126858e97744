"""Evidence over nights: what a year of candidates that are not better adds up to, and which nights count."""

from __future__ import annotations

import random
from datetime import date, timedelta
from statistics import mean

import pytest

from toolft_pipeline.evaluation.promotion.gate import (
    CandidateStatus,
    ChampionResult,
    GateVerdict,
    PastNights,
    decide_promotion,
)
from toolft_pipeline.evaluation.promotion.nights import (
    NightEvidence,
    countable_nights,
    counted,
    evidence,
    evidence_needed,
    level_of,
)
from toolft_pipeline.evaluation.promotion.paired import Basis
from toolft_pipeline.settings import GateSettings
from toolft_pipeline_tests.evaluation.figures import figures


def day(number: int) -> str:
    return (date(2026, 10, 1) + timedelta(days=number)).isoformat()


def night(number: int, wins: int = 0, losses: int = 0, n: int = 100, **changes: str) -> NightEvidence:
    fields = {"candidate": f"m{number}", "against": "champion", "recipe": "r"} | changes
    differences = counted([1.0] * wins + [-1.0] * losses + [0.0] * (n - wins - losses))
    return NightEvidence(day=day(number), basis=Basis.ROLLOUTS, differences=differences, **fields)


def by_definition(nights: list[NightEvidence], margin: float) -> float:
    """The sum over all nights of the stake that was bet from that night on, run by run."""
    total = 0.0
    for bet in (0.15, 0.3, 0.6):
        for start in range(len(nights)):
            stake = 1.0
            for each in nights[start:]:
                for difference, count in each.differences:
                    for _ in range(count):
                        stake *= 1 + bet * (difference + margin)
            total += stake / 3
    return total


@pytest.mark.parametrize("margin", [0.0, 0.02])
def test_evidence_is_the_sum_of_the_bets_begun_every_night(margin: float) -> None:
    nights = [night(0, 5, 3, n=20), night(1, 2, 4, n=20), night(2, 9, 1, n=20)]
    assert evidence(nights, margin=margin) == pytest.approx(by_definition(nights, margin))
    assert evidence([], margin=margin) == 0.0


def test_evidence_of_one_clear_night_is_enough_and_of_an_even_one_is_not() -> None:
    needed = evidence_needed(1.0)
    assert needed == 730
    assert evidence([night(0, 30, 5)], margin=0.0) > needed
    assert evidence([night(number, 6, 6) for number in range(30)], margin=0.0) < needed


def test_evidence_grows_by_no_more_than_one_a_night_where_candidates_are_not_better() -> None:
    """The mean over many years is the number of nights, which is why 730 take two years on average."""
    chance = random.Random(1)

    def fair(number: int) -> NightEvidence:
        wins = sum(chance.random() < 0.5 for _ in range(4))
        return night(number, wins, 4 - wins, n=20)

    after = [evidence([fair(number) for number in range(10)], margin=0.0) for _ in range(20_000)]
    assert mean(after) == pytest.approx(10, rel=0.15)


def test_evidence_takes_shares_of_steps_as_it_takes_outcomes() -> None:
    halves = NightEvidence(
        day=day(0), candidate="m", against="c", recipe="r", basis=Basis.STEPS, differences=counted([0.5, 0.5, -0.25])
    )
    assert evidence([halves], margin=0.0) == pytest.approx(by_definition([halves], 0.0))
    assert (halves.n_runs, halves.balance) == (3, 0.75)


def test_level_of_a_night_spends_half_of_the_budget_over_a_year() -> None:
    assert 365 * level_of(1.0) == pytest.approx(0.5)


def counting(*earlier: NightEvidence, tonight: NightEvidence, since: str = day(0), **others: object) -> list[str]:
    options = {"withdrawn": (), "nights": 30} | others
    found = countable_nights(earlier, tonight=tonight, since=since, **options)  # type: ignore[arg-type]
    return [each.day for each in found]


def test_nights_after_the_champions_day_count_oldest_first() -> None:
    nights = [night(number) for number in (3, 1, 2, 0)]
    assert counting(*nights, tonight=night(4)) == [day(1), day(2), day(3), day(4)]


def test_nights_that_are_made_again_count_once_and_later_ones_not_at_all() -> None:
    first = counting(night(1), night(2), tonight=night(3))
    assert counting(night(1), night(2), night(3, 50, 0), night(4, 50, 0), tonight=night(3)) == first


@pytest.mark.parametrize("other", ["against", "recipe"])
def test_nights_of_another_champion_or_recipe_do_not_count(other: str) -> None:
    assert counting(night(1, **{other: "another"}), night(2), tonight=night(3)) == [day(2), day(3)]


def test_nights_before_the_window_do_not_count() -> None:
    assert counting(night(1), night(2), night(3), tonight=night(4), nights=2) == [day(3), day(4)]


def test_nights_up_to_a_withdrawn_candidate_do_not_count() -> None:
    """A rollback to the old champion would otherwise find the evidence that promoted the withdrawn one."""
    assert counting(night(1), night(2), night(3), tonight=night(4), withdrawn=("m2",)) == [day(3), day(4)]


def test_night_of_the_champions_own_day_is_no_evidence() -> None:
    assert counting(tonight=night(4), since=day(4)) == []


GATE = GateSettings()
PROOFS = {"loss_mask": True}


def run(
    number: int,
    *,
    past: PastNights = PastNights(),  # noqa: B008  # frozen
    fresh: tuple[int, int] = (88, 82),
    tasks: tuple[int, int] = (82, 80),
    gate: GateSettings = GATE,
    trained_on: frozenset[str] = frozenset(),
    best: ChampionResult | None = None,
) -> GateVerdict:
    """One night: how many tasks and fresh runs candidate and champion pass."""
    champion = ChampionResult(
        day=day(0), content_digest="champion", metrics=figures(tasks[1]), shadow=figures(fresh[1]), best=best
    )
    status = CandidateStatus(
        as_of=day(number), proofs=PROOFS, content_digest=f"m{number}", recipe="r", trained_on=trained_on
    )
    return decide_promotion(
        candidate=figures(tasks[0]), candidate_status=status, champion=champion, gate=gate, shadow=figures(fresh[0]),
        past=past,
    )  # fmt: skip


def nights_until_promoted(most: int, **others: tuple[int, int]) -> int:
    past: tuple[NightEvidence, ...] = ()
    for number in range(1, most + 1):
        verdict = run(number, past=PastNights(nights=past), **others)
        past = verdict.nights
        if verdict.promote:
            return number
    return 0


def test_gate_small_lead_is_promoted_after_some_nights() -> None:
    """Six of a hundred fresh runs won every night: no night shows it, three together do."""
    assert nights_until_promoted(10) == 3
    last = run(3, past=PastNights(nights=(night(1, 6, 0), night(2, 6, 0))))
    assert last.shown_better
    assert "over 3 nights with 300 fresh runs: +6.0%" in last.reasons[2]


def test_gate_even_nights_promote_nobody() -> None:
    assert nights_until_promoted(30, fresh=(82, 82), tasks=(80, 80)) == 0


def test_gate_same_night_again_gives_the_same_verdict() -> None:
    first = run(1)
    past = PastNights(nights=(*first.nights, *run(2, past=PastNights(nights=first.nights)).nights))
    assert run(2, past=past) == run(2, past=PastNights(nights=first.nights))


def test_gate_runs_that_were_trained_on_are_no_evidence() -> None:
    ids = frozenset(f"t{number:03}" for number in range(100))
    assert run(1, trained_on=ids).nights[0].n_runs == 0
    assert run(1, trained_on=ids - {"t085"}).nights[0].differences == ((1.0, 1),)


def test_gate_good_nights_of_others_do_not_promote_a_candidate_that_is_behind() -> None:
    past = PastNights(nights=tuple(night(number, 10, 0) for number in (1, 2, 3)))
    assert run(4, past=past, fresh=(82, 82)).promote
    behind = run(4, past=past, fresh=(82, 82), tasks=(79, 80))
    assert behind.reasons == (
        "earlier candidates were better, tonight's is behind on its own tasks and runs (-0.5%); the next candidate may "
        "pass",
    )


def test_gate_with_a_margin_holds_tonights_candidate_to_half_of_it() -> None:
    """Earlier nights were even, tonight's is five points behind: where each night is worse, they flatter."""
    gate, past = GateSettings(margin=0.08), PastNights(nights=tuple(night(number, 1, 1) for number in range(1, 9)))
    assert run(9, past=past, fresh=(79, 82), tasks=(77, 80), gate=gate).promote
    behind = run(9, past=past, fresh=(77, 82), tasks=(75, 80), gate=gate)
    assert behind.reasons == (
        "earlier candidates were better, tonight's is behind on its own tasks and runs (-5.0%); the next candidate may "
        "pass",
    )


def test_gate_with_a_margin_compares_with_the_best_champion_so_that_margins_do_not_add_up() -> None:
    """Each model of a chain is 4 points worse than the one before: only the first is within 10 points of the best."""
    gate = GateSettings(margin=0.1)
    nights = tuple(night(number, 0, 4, against="best") for number in range(1, 9))
    best = ChampionResult(day=day(-9), content_digest="best", metrics=figures(80), shadow=figures(82))
    near = run(9, past=PastNights(nights=nights), fresh=(78, 78), tasks=(76, 80), gate=gate, best=best)
    assert near.promote
    assert not near.shown_better
    far = run(
        9, past=PastNights(nights=tuple(night(number, 0, 12, against="best") for number in range(1, 9))),
        fresh=(70, 74), tasks=(68, 72), gate=gate, best=best,
    )  # fmt: skip
    assert not far.promote
    assert "regression against the best champion of the window: 0 tasks won and 12 lost" in far.reasons[0]


def test_gate_without_a_margin_looks_at_the_model_in_service_alone() -> None:
    best = ChampionResult(day=day(0), content_digest="best", metrics=figures(99), shadow=figures(99))
    assert run(1, tasks=(92, 80), best=best).promote
