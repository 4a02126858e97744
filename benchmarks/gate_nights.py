"""Years of nights before the gate: how often it promotes a model that is not better, and how soon one that is.

Every night of 365 a candidate is judged by `decide_promotion` with the evidence of the nights before, as eval_report
does it: 240 evaluation tasks that stay the same, and fresh runs of the day. Held against a test that is run again every
night (an exact McNemar test at 5 %; with a margin, the lower end of the 95 % interval of the difference). Scenarios:
candidates equal to the champion; 3 points better from night 60 on; slowly worse; a change of the catalog. Which
promotions are wrong is known, because the models are made up (`gate_world.py`).

    python -m benchmarks.gate_nights [--quick] [--json]
"""

from __future__ import annotations

import argparse
import json
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from statistics import NormalDist, mean, median

import numpy as np

from benchmarks.gate_world import Model, Outcomes, World
from toolft_pipeline.evaluation.promotion.gate import (
    CandidateStatus,
    ChampionResult,
    GateVerdict,
    PastNights,
    decide_promotion,
)
from toolft_pipeline.evaluation.scoring.intervals import smallest_visible_difference, wilson
from toolft_pipeline.evaluation.scoring.metrics import ModelMetrics
from toolft_pipeline.settings import GateSettings

N_TASKS, N_FRESH, NIGHTS = 240, 240, 365
START, GAIN, GAIN_FROM, CHANGE_AT, CHANGED = 0.80, 0.03, 60, 120, 0.2
DISCORDANCE = 0.12
DAY_0 = date(2026, 1, 1)

Success = Callable[[int], tuple[float, float]]
"""The true success of a night's candidate on tasks of the first and of the changed catalog."""


@dataclass(frozen=True, kw_only=True)
class Scenario:
    """One kind of year."""

    success: Success
    nights: int = NIGHTS
    n_fresh: int = N_FRESH
    discordance: float = DISCORDANCE
    gate: GateSettings = field(default_factory=GateSettings)
    catalog_changes: bool = False


@dataclass(kw_only=True)
class Year:
    """What happened: promotions as (night, true gain), and how the model in service stood."""

    promotions: list[tuple[int, float]] = field(default_factory=list)
    lowest: float = 0.0
    """The largest loss of true success against the best model that ever served, over all nights."""
    inflation: float = 0.0
    """The champion's success on the evaluation tasks minus its true one, after the last night."""

    @property
    def wrong(self) -> int:
        """Promotions of a model that was not truly better."""
        return sum(gain <= 0 for _, gain in self.promotions)

    def first_gain(self, after: int) -> float:
        """Nights until a truly better model was promoted."""
        return next((night - after + 1 for night, gain in self.promotions if night >= after and gain > 0), math.inf)


def equal(_night: int) -> tuple[float, float]:
    """Every candidate is as good as the first."""
    return START, START


def better(night: int) -> tuple[float, float]:
    """Three points better from a night on."""
    return (START + GAIN if night >= GAIN_FROM else START), START


def slowly_worse(night: int) -> tuple[float, float]:
    """Ten points lost over the year."""
    return round(START - 0.10 * night / NIGHTS, 4), START


def falling(night: int) -> tuple[float, float]:
    """Twenty points lost in 120 nights."""
    return round(START - 0.20 * night / 120, 4), START


def relearning(night: int) -> tuple[float, float]:
    """The new tools are learned within ten nights of the change."""
    return START, round(0.1 + 0.7 * min(max(night - CHANGE_AT, 0) / 10, 1.0), 4)


def run_year(scenario: Scenario, *, seed: int, nightly_test: bool) -> Year:
    """One simulated year; with `nightly_test` the plain test decides instead of the gate."""
    world = World(random=np.random.default_rng(seed), n_tasks=N_TASKS, discordance=scenario.discordance)
    champion = world.train(-1, *scenario.success(0))
    best, year, past = champion, Year(), PastNights()
    for night in range(scenario.nights):
        world.new_night()
        if scenario.catalog_changes and night == CHANGE_AT:
            world.change_catalog(CHANGED)
            champion, best = (replace(model, changed_success=0.1) for model in (champion, best))
        candidate = world.train(night, *scenario.success(night))
        if nightly_test:
            ours, theirs = world.on_tasks(candidate), world.on_tasks(champion)
            promote = _plain_test(ours, theirs, margin=scenario.gate.margin)
            shown_better = promote and candidate.success >= best.success
        else:
            verdict = _judge(world, candidate, champion, best, past=past, scenario=scenario)
            past = PastNights(nights=verdict.nights)
            promote, shown_better = verdict.promote, verdict.shown_better
        if promote:
            gain = candidate.true_success(world.changed) - champion.true_success(world.changed)
            year.promotions.append((night, gain))
            champion = candidate
            best = candidate if shown_better else best
        gap = best.true_success(world.changed) - champion.true_success(world.changed)
        year.lowest = max(year.lowest, gap, START - champion.true_success(0.0) if not world.changed else 0.0)
    year.inflation = float(world.on_tasks(champion).mean()) - champion.true_success(float(world.of_new_catalog.mean()))
    return year


def _plain_test(ours: Outcomes, theirs: Outcomes, *, margin: float) -> bool:
    """Exact McNemar, two-sided at 5 %, as it is run again every night. With a margin, the 95 % interval of the
    difference must end above it.
    """
    wins, losses = int((ours & ~theirs).sum()), int((theirs & ~ours).sum())
    if margin:
        spread = math.sqrt(wins + losses - (wins - losses) ** 2 / len(ours))
        return wins - losses - 1.96 * spread > -margin * len(ours)
    tail = sum(math.comb(wins + losses, k) for k in range(losses + 1))
    return wins > losses and 2 * tail / 2 ** (wins + losses) < 0.05


def _judge(
    world: World, candidate: Model, champion: Model, best: Model, *, past: PastNights, scenario: Scenario
) -> GateVerdict:
    models = [candidate, champion] if best is champion else [candidate, champion, best]
    fresh = world.on_fresh_runs(models, scenario.n_fresh) if scenario.n_fresh else [None] * len(models)
    results = [
        ChampionResult(
            day=_day(model.night), content_digest=f"model {model.night}", metrics=_metrics(world.on_tasks(model)),
            shadow=None if runs is None else _metrics(runs),
        )
        for model, runs in zip(models, fresh, strict=True)
    ]  # fmt: skip
    ours, theirs = results[0], results[1]
    return decide_promotion(
        candidate=ours.metrics,
        candidate_status=CandidateStatus(
            as_of=ours.day, proofs={"made up": True}, content_digest=ours.content_digest, recipe="the one recipe"
        ),
        champion=replace(theirs, best=results[2] if len(results) > 2 else None),
        gate=scenario.gate,
        shadow=ours.shadow,
        past=past,
    )


def _day(night: int) -> str:
    return (DAY_0 + timedelta(days=night)).isoformat()


def _metrics(passed: Outcomes) -> ModelMetrics:
    """Figures of a model that passes these tasks, and clears every threshold by itself."""
    outcomes = dict(zip(_names(len(passed)), passed.tolist(), strict=True))
    return replace(_GOOD, n_tasks=len(passed), task_outcomes=outcomes)


def _names(n: int) -> list[str]:
    return _NAMES[:n]


_NAMES = [f"t{number:04}" for number in range(2_000)]
_FINE, _NONE = wilson(1_000, 1_000), wilson(0, 1_000)
_GOOD = ModelMetrics(
    n_steps=1_000, n_call_steps=500, n_tasks=N_TASKS, parse_rate=_FINE, right_tool=_FINE, valid_arguments=_FINE,
    hallucinated_tool=_NONE, exact_match=_FINE, fuzzy_match=_FINE, functional_match=_FINE, functional_basis="effect",
    task_success=_FINE, latency_ms_p50=1.0, latency_ms_p95=1.0, tokens_per_turn=1.0, cost_per_1k_tasks=0.0,
    catalog_tokens_saved_per_turn=0, failures={}, by_category={}, by_tool={}, task_outcomes={},
)  # fmt: skip


def measure(years: int) -> tuple[dict[str, float], dict[str, float]]:
    """All figures, and those of the plain nightly test."""
    figures, against = (
        {name: value for part in _parts(years, plain) for name, value in part.items()} for plain in (False, True)
    )
    one_night = GAIN * math.sqrt(N_TASKS / DISCORDANCE)
    against["power_in_one_night"] = NormalDist().cdf(one_night - NormalDist().inv_cdf(0.975))
    figures["visible_in_one_night_points"] = 100 * smallest_visible_difference(
        N_TASKS, discordance=DISCORDANCE, level=1 / (2 * NIGHTS)
    )
    return figures, against


def _parts(years: int, nightly_test: bool) -> Iterator[dict[str, float]]:
    """The figures of each scenario. The number of fresh runs does not matter to the plain test."""

    def simulate(scenario: Scenario) -> list[Year]:
        return [run_year(scenario, seed=seed, nightly_test=nightly_test) for seed in range(years)]

    found = simulate(Scenario(success=equal))
    yield {
        "equal_wrong_promotions_a_year": mean(year.wrong for year in found),
        "equal_champion_inflated_by_points": 100 * mean(year.inflation for year in found),
    }
    delays = [year.first_gain(GAIN_FROM) for year in simulate(BETTER)]
    yield {
        "better_promoted_within_14_nights": _soon(delays),
        "better_median_nights": median(delays),
    }
    found = simulate(Scenario(success=slowly_worse))
    yield {
        "worse_wrong_promotions_a_year": mean(year.wrong for year in found),
        "worse_points_lost_at_most": 100 * max(year.lowest for year in found),
    }
    found = simulate(Scenario(success=relearning, catalog_changes=True))
    yield {
        "catalog_wrong_promotions_a_year": mean(year.wrong for year in found),
        "catalog_median_nights": median(year.first_gain(CHANGE_AT) for year in found),
    }
    for margin in (0.02, 0.05):
        gate = GateSettings(margin=margin)
        for scenario in (Scenario(success=slowly_worse, gate=gate), Scenario(success=falling, gate=gate, nights=120)):
            name = f"margin_{100 * margin:.0f}_{'falling' if scenario.success is falling else 'worse'}"
            found = simulate(scenario)
            yield {
                f"{name}_points_lost_mean": 100 * mean(year.lowest for year in found),
                f"{name}_points_lost_at_most": 100 * max(year.lowest for year in found),
            }
    if nightly_test:
        return
    found = simulate(Scenario(success=equal, gate=GateSettings(margin=0.02)))
    yield {"margin_2_equal_promotions_a_year": mean(len(year.promotions) for year in found)}
    for n in (0, 60, 120):
        delays = [year.first_gain(GAIN_FROM) for year in simulate(replace(BETTER, n_fresh=n))]
        yield {f"better_within_14_nights_with_{n}_fresh_runs": _soon(delays)}
    for discordance in (0.08, 0.16):
        delays = [year.first_gain(GAIN_FROM) for year in simulate(replace(BETTER, discordance=discordance))]
        yield {f"better_within_14_nights_at_discordance_{discordance}": _soon(delays)}


BETTER = Scenario(success=better, nights=120)


def _soon(delays: list[float]) -> float:
    return mean(delay <= 14 for delay in delays)


def main() -> None:
    """Simulate and print."""
    parser = argparse.ArgumentParser(description="Simulated years of nights before the gate.")
    parser.add_argument("--quick", action="store_true", help="four years: figures are rough")
    parser.add_argument("--json", action="store_true", help="end with one line of figures")
    asked = parser.parse_args()
    years = 4 if asked.quick else 40
    figures, against = measure(years)
    for name, value in figures.items():
        beside = f"   nightly test {against[name]:9.3f}" if name in against else ""
        print(f"{name:52} {value:9.3f}{beside}")
    if asked.json:
        print(json.dumps({"figures": figures, "against": against, "rows": years}))


if __name__ == "__main__":
    main()
