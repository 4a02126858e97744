"""Whether a model may be served behind a safety net: what the gate of its evaluation report says.

Invariant: a net is used with a model only if an evaluation of that very variant of that very model passed. Otherwise
the model is served without the net, as it was judged, and a notice says what is missing.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping

import msgspec

from toolft_pipeline.evaluation.promotion.variants import VariantVerdict, read_variants
from toolft_pipeline.serving.nets.judged_behind import REPORT, judged_behind
from toolft_pipeline.serving.notice import Notice, Notify, log_notice
from toolft_pipeline.settings.evaluation import Variant
from toolft_pipeline.warehouse.manifest import ArtifactKey
from toolft_pipeline.warehouse.store import Version, Warehouse, WarehouseError

LOOK_AGAIN_S = 60.0
"""Seconds until a model that had not passed is looked up again: its report may have been made meanwhile."""


def variant_problem(
    warehouse: Warehouse, *, agent: str, day: str, digest: str, variant: Variant, identity: Mapping[str, str]
) -> str | None:
    """Why the variant of the model of this as-of day and content digest may not be served; None if it may.

    `identity` is what the net is now, as `variant_identity` names it.
    """
    run = f"`toolft run {agent} --to {day}`"
    verdict = _verdict(warehouse, agent=agent, day=day, digest=digest, variant=variant)
    if verdict is None:
        fix = f"add {variant} to evaluation.variants and run {run}"
        return f"no evaluation report of {day} judges {agent}'s model with {variant}; {fix}"
    if verdict.identity != dict(identity):
        differs = [key for key in identity if verdict.identity.get(key) != identity[key]]
        return (
            f"{agent}'s model of {day} was judged with another {variant} than the settings now name "
            f"({', '.join(differs)}); run {run}"
        )
    if not verdict.passed:
        return f"the gate refused {agent}'s model of {day} with {variant}: {'; '.join(verdict.reasons)}"
    return None


class PassedVariants:
    """Answers for one net and all models, from memory where it can. Thread-safe enough: a look-up may happen twice."""

    def __init__(
        self,
        warehouse: Warehouse,
        *,
        agent: str,
        variant: Variant,
        identity: Mapping[str, str],
        notify: Notify = log_notice,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._warehouse = warehouse
        self._agent = agent
        self._variant = variant
        self._identity = identity
        self._notify = notify
        self._clock = clock
        self._passed: set[str] = set()
        self._looked: dict[str, float] = {}

    def __call__(self, *, day: str, digest: str) -> bool:
        """Whether the net may be used with the model of this as-of day and content digest."""
        if digest in self._passed:
            return True
        looked = self._looked.get(digest)
        if looked is not None and self._clock() - looked < LOOK_AGAIN_S:
            return False
        problem = variant_problem(
            self._warehouse,
            agent=self._agent,
            day=day,
            digest=digest,
            variant=self._variant,
            identity=self._identity,
        )
        self._looked[digest] = self._clock()
        if problem is None:
            self._passed.add(digest)
            return True
        if looked is None:
            remedy = "the model is served without it"
            if judged_behind(self._warehouse, agent=self._agent, day=day, digest=digest) is not None:
                remedy += ", though the gate let it pass behind it: its thresholds may not hold"
            self._notify(Notice(agent=self._agent, subject=f"serving {self._variant}", error=problem, remedy=remedy))
        return False


def _verdict(warehouse: Warehouse, *, agent: str, day: str, digest: str, variant: Variant) -> VariantVerdict | None:
    """The decision of the report in force, else the last one, on this variant of this model."""
    address = ArtifactKey(agent=agent, asset=REPORT, partition=day)
    try:
        in_force, versions = warehouse.current(address), warehouse.versions(address)
    except WarehouseError:
        return None
    others = sorted(versions, key=lambda each: each.manifest.created_at, reverse=True)
    for version in others if in_force is None else [in_force, *others]:
        for verdict in _read(version):
            if verdict.model == digest and verdict.variant == variant.value:
                return verdict
    return None


def _read(version: Version) -> list[VariantVerdict]:
    try:
        return read_variants(version.folder)
    except (OSError, msgspec.MsgspecError):
        return []
