"""`gate`: when a model is promoted."""

from __future__ import annotations

from pydantic import Field

from toolft_pipeline.settings.section import Section


class ShadowSettings(Section):
    """Fresh evidence: the candidate and the model in service repeat verified runs of the newest day."""

    runs: int | None = Field(None, ge=0)
    """Limit of runs; those that the candidate was not trained on come first. Null takes up to 240 where there is a
    sandbox: a day with few runs then adds little evidence and refuses nobody. A number asks for them: a day with fewer
    than `min_runs` refuses the candidate. Without a sandbox a number asks for their steps, one by one after the logged
    history, and nothing is replayed. 0 turns the shadow gate off; only the evaluation's tasks can then show a
    candidate to be better, and small improvements are never seen."""
    min_runs: int = Field(10, gt=0)
    """Replayable runs from which a day is held against `task_success`; runs that were trained on fill up to as many."""
    task_success: float = Field(0.5, ge=0, le=1)
    """Threshold for the lower bound of the share of runs that end as recorded."""


class FirstModelSettings(Section):
    """What a model must show, beside every other threshold, while no model is in service."""

    task_success: float = Field(0.5, ge=0, le=1)
    """Threshold for the lower bound of the share of tasks passed; without rollouts, of the tasks whose every step is
    right."""
    beats_base: bool = True
    """Whether it must be shown to be better than the untuned base on the same tasks; `evaluation.compare` then needs
    `base` or `base_catalog`."""


class GateSettings(Section):
    """Thresholds, held against the worse end of each 95 % interval, and the evidence that a candidate is better."""

    parse_rate: float = Field(0.95, ge=0, le=1)
    """Steps whose turn is finished and whose calls can all be read."""
    right_tool: float = Field(0.8, ge=0, le=1)
    """Steps that call the expected tools, as often as expected."""
    valid_arguments: float = Field(0.8, ge=0, le=1)
    """Calling steps whose calls all validate against the catalog."""
    hallucinated_tool: float = Field(0.05, ge=0, le=1)
    """Most steps that may call a tool which the catalog does not have, at the upper bound."""
    task_success: float = Field(0.0, ge=0, le=1)
    """Tasks that the rollout passes; 0 leaves it to the comparison with the model in service."""
    first: FirstModelSettings = FirstModelSettings()
    wrong_promotions_per_year: float = Field(1.0, gt=0, le=18.25)
    """How many promotions of a model that is not better may happen in 365 nights, on average. Fewer make real
    improvements wait longer."""
    evidence_nights: int = Field(30, ge=1)
    """Nights of evidence that count towards a promotion."""
    margin: float = Field(0.0, ge=0, lt=1)
    """How much worse than the best champion a candidate may be and still replace the model in service. With 0 it must
    be shown to be better: a tie, or a lead that may be chance, keeps the champion."""
    ability_margin: float = Field(0.1, ge=0, le=1)
    """How much worse than its base the candidate may answer the questions on general ability (`evaluation.probes`), at
    the lower bound of the paired interval. 1 leaves general ability out of the gate."""
    irrelevance_margin: float = Field(0.05, ge=0, le=1)
    """The same for answering without a call where no tool can help: those of these questions that want no call, and the
    irrelevance set of `evaluation.bfcl`. 1 leaves it out of the gate."""
    min_tasks: int = Field(20, gt=0)
    """Every candidate is refused on fewer tasks."""
    max_impossible_share: float = Field(0.1, ge=0, le=1)
    """Share of the evaluation tasks that today's catalog and backend may have made impossible. They count for no model;
    with more of them every candidate is refused until the tasks are renewed."""
    shadow: ShadowSettings = ShadowSettings()
