"""Whether training has cost the candidate abilities that its base has.

Invariant: a pure function of stored answers. Candidate and base are compared on the same questions, answer by answer,
and what was not measured is not kept: without answers of both there is an objection, unless the margin is 1.

Three abilities: right answers to the questions on general ability, answering without a call where no tool can help (the
same questions, as far as they want no call), and BFCL's irrelevance set where the agent file asks for it. What the
default margins mean for a candidate that is as good as its base, by the exact distribution of the paired interval: of
251 questions a tenth answered differently, it passes 10 points in 99.7 % of the nights (a fifth: 93 %); of 245 2 %
answered differently, it passes 5 points in 99.0 % (5 %: 88 %). On 20 questions it would pass 10 points in 11 %.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from msgspec import Struct

from toolft_pipeline.evaluation.scoring.intervals import Rate, exact_mcnemar, paired_difference, wilson
from toolft_pipeline.evaluation.scoring.metrics import ModelMetrics
from toolft_pipeline.settings import GateSettings

NOT_COMPARED = 1.0
"""The margin that leaves an ability out of the gate: no difference of two shares is larger."""


@dataclass(frozen=True, kw_only=True)
class AbilityAnswers:
    """One model's answers, right or not, by question.

    `irrelevance` are those to BFCL's irrelevance set; None where the agent file does not ask for BFCL.
    """

    general: Mapping[str, bool]
    no_tool: Mapping[str, bool]
    irrelevance: Mapping[str, bool] | None = None


@dataclass(frozen=True, kw_only=True)
class ComparedAbilities:
    """The answers of the candidate and of its base; `base` is None where the base was not evaluated."""

    candidate: AbilityAnswers
    base: AbilityAnswers | None


class AbilityComparison(Struct, frozen=True, kw_only=True):
    """The candidate and its base on one ability, over the `n` questions that both answered.

    `difference` is the candidate's share minus the base's with its 95 % interval; `wins` and `losses` are questions
    that the candidate alone and the base alone answered right; `p_value` is from the exact paired test. `setting` names
    the margin, a share.
    """

    name: str
    n: int
    candidate: Rate
    base: Rate
    difference: Rate
    wins: int
    losses: int
    p_value: float
    setting: str
    margin: float

    @property
    def kept(self) -> bool:
        """Whether the lower bound of the difference, -1 of no questions, is above the negative margin."""
        return self.margin >= NOT_COMPARED or self.difference.low > -self.margin


def ability_answers(metrics: ModelMetrics, *, irrelevance: Mapping[str, bool] | None) -> AbilityAnswers:
    """The answers of an evaluated model."""
    return AbilityAnswers(
        general=metrics.probe_outcomes, no_tool=metrics.no_tool_outcomes, irrelevance=irrelevance
    )  # fmt: skip


def compare_abilities(abilities: ComparedAbilities, *, gate: GateSettings) -> tuple[AbilityComparison, ...]:
    """Compare every ability that both models were asked about; none without a base."""
    ours, base = abilities.candidate, abilities.base
    if base is None:
        return ()
    general = _compare("general ability", ours.general, base.general, setting="ability_margin", gate=gate)
    quiet = _compare("no call where none can help", ours.no_tool, base.no_tool, setting="irrelevance_margin", gate=gate)
    if ours.irrelevance is None:
        return (general, quiet)
    theirs = base.irrelevance or {}
    return (
        general,
        quiet,
        _compare("BFCL irrelevance", ours.irrelevance, theirs, setting="irrelevance_margin", gate=gate),
    )


def lost_abilities(abilities: ComparedAbilities | None, *, gate: GateSettings) -> Iterator[str]:
    """Objections to a candidate that may have lost more than the margins allow.

    None for `abilities` gives no objection: the caller judges something else, such as a verdict without a report.
    """
    if abilities is None or min(gate.ability_margin, gate.irrelevance_margin) >= NOT_COMPARED:
        return
    off = "set gate.ability_margin and gate.irrelevance_margin to 1 to promote without this"
    if abilities.base is None:
        yield f"general ability has no base to be compared with; add base to evaluation.compare, or {off}"
        return
    for compared in compare_abilities(abilities, gate=gate):
        if not compared.kept:
            yield _objection(compared)


def _compare(
    name: str, ours: Mapping[str, bool], theirs: Mapping[str, bool], *, setting: str, gate: GateSettings
) -> AbilityComparison:
    shared = sorted(ours.keys() & theirs.keys())
    wins = sum(ours[question] and not theirs[question] for question in shared)
    losses = sum(theirs[question] and not ours[question] for question in shared)
    return AbilityComparison(
        name=name,
        n=len(shared),
        candidate=wilson(sum(ours[question] for question in shared), len(shared)),
        base=wilson(sum(theirs[question] for question in shared), len(shared)),
        difference=paired_difference(wins=wins, losses=losses, n=len(shared)),
        wins=wins,
        losses=losses,
        p_value=exact_mcnemar(wins, losses),
        setting=f"gate.{setting}",
        margin=getattr(gate, setting),
    )


def _objection(compared: AbilityComparison) -> str:
    if not compared.n:
        return (
            f"{compared.name} was not measured; set evaluation.probes to true, or {compared.setting} to 1 to promote "
            "without it"
        )
    return (
        f"{compared.name} {compared.candidate.value:.1%}, the base {compared.base.value:.1%} on the same {compared.n} "
        f"questions ({compared.wins} won, {compared.losses} lost): it may be worse by {-compared.difference.low:.1%}, "
        f"{compared.setting} allows {compared.margin:.1%}"
    )
