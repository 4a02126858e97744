"""How far a candidate is from each threshold of the gate, for the top of the report page.

Invariant: the bounds are those that the gate compares, from the same figures; nothing is decided here.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from toolft_pipeline.evaluation.promotion.gate import GATED
from toolft_pipeline.evaluation.promotion.kept_abilities import NOT_COMPARED, AbilityComparison
from toolft_pipeline.evaluation.scoring.intervals import Rate
from toolft_pipeline.evaluation.scoring.metrics import METRICS, ModelMetrics
from toolft_pipeline.settings import GateSettings


@dataclass(frozen=True, kw_only=True)
class ThresholdDistance:
    """A figure beside its threshold, both shares; `setting` is the key in the agent file.

    `points` is the distance in percentage points between the threshold and the worse end of the figure's interval,
    negative on the wrong side; `holds` is whether the gate is satisfied. A `signed` figure is a difference.
    """

    label: str
    figure: Rate
    threshold: float
    setting: str
    points: float
    holds: bool
    signed: bool = False


def threshold_distances(
    candidate: ModelMetrics, *, gate: GateSettings, abilities: Sequence[AbilityComparison]
) -> list[ThresholdDistance]:
    """Every threshold, those that fail first and of these the farthest first.

    Left out are thresholds that nothing can fail, and abilities that are left out of the gate.
    """
    found = [*_rates(candidate, gate), *_abilities(abilities)]
    return sorted(found, key=lambda each: (each.holds, each.points))


def _rates(candidate: ModelMetrics, gate: GateSettings) -> Iterator[ThresholdDistance]:
    for name in GATED:
        figure, threshold = METRICS[name].figure(name, vars(candidate)), getattr(gate, name)
        higher = METRICS[name].higher_is_better
        if figure is None or threshold == (0.0 if higher else 1.0):
            continue
        above = figure.low - threshold if higher else threshold - figure.high
        yield ThresholdDistance(
            label=METRICS[name].title,
            figure=figure,
            threshold=threshold,
            setting=f"gate.{name}",
            points=100 * above,
            holds=above >= 0,
        )


def _abilities(abilities: Sequence[AbilityComparison]) -> Iterator[ThresholdDistance]:
    for each in abilities:
        if each.margin < NOT_COMPARED:
            yield ThresholdDistance(
                label=f"{each.name}, minus the base",
                figure=each.difference,
                threshold=0.0 - each.margin,  # no negative zero
                setting=each.setting,
                points=100 * (each.difference.low + each.margin),
                holds=each.kept,
                signed=True,
            )


def wide_margins(abilities: Sequence[AbilityComparison]) -> list[str]:
    """A warning for each ability whose margin is wider than the default: what the gate lets pass."""
    defaults = GateSettings()
    warnings = []
    for each in abilities:
        default = getattr(defaults, each.setting.removeprefix("gate."))
        if each.margin > default:
            lost = -100 * each.difference.value
            passed = f"a model that lost {lost:.1f} points passes" if lost > 0 else "this model lost nothing"
            warnings.append(
                f"{each.setting} is {100 * each.margin:.0f} points ({100 * default:.0f} by default): {passed} "
                f"({each.name}: {each.candidate.value:.1%}, the base {each.base.value:.1%}, {each.n} questions)"
            )
    return warnings
