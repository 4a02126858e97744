"""The state of an agent's canary by the warehouse alone: what the overview shows while a server, or none, runs."""

from __future__ import annotations

from dataclasses import dataclass

from toolft_pipeline.evaluation.promotion.model_registry import InService
from toolft_pipeline.serving.canary.canary_state import ArmCounts, CanaryError, CanaryFiles, CanaryState
from toolft_pipeline.serving.routing.candidate_choice import RefusedCandidate, canary_candidate
from toolft_pipeline.serving.served_turn import Arm
from toolft_pipeline.settings import AgentSettings
from toolft_pipeline.warehouse.store import Version, Warehouse


@dataclass(frozen=True, kw_only=True)
class CanaryStatus:
    """`text` changes with the state alone, `counts` with every conversation; `needs_look` if nothing goes on."""

    text: str
    counts: str | None = None
    needs_look: bool = False


def canary_status(warehouse: Warehouse, settings: AgentSettings, champion: InService | None) -> CanaryStatus | None:
    """What became of the candidate; None where no canary is configured or nothing is in service."""
    canary, agent = settings.serving.canary, settings.name
    if canary.share == 0 or champion is None:
        return None
    found = canary_candidate(
        warehouse, agent, champion=champion.content_digest, champion_day=champion.day, day=canary.version
    )
    if found is None:
        return CanaryStatus(text="no candidate is newer than the model in service")
    if isinstance(found, RefusedCandidate):
        return CanaryStatus(text=f"refused: {found}", needs_look=True)
    try:
        return _test_of(found, CanaryFiles(warehouse, agent), champion, share=canary.share)
    except CanaryError as error:
        return CanaryStatus(text=f"refused: {error}", needs_look=True)


def _test_of(found: Version, files: CanaryFiles, champion: InService, *, share: float) -> CanaryStatus:
    """The state of the test of a candidate. Raises `CanaryError` for a damaged file."""
    address, digest = found.manifest.address, found.manifest.content_digest
    candidate = f"the candidate of {address.partition} ({digest[:12]})"
    state = files.read(digest, champion.content_digest)
    counts = None if state is None else _counts(state)
    stop = files.stop_of(digest)
    if stop is not None:
        return CanaryStatus(text=f"{candidate} was stopped at {stop.at}: {stop.why}", counts=counts, needs_look=True)
    if state is None:
        return CanaryStatus(text=f"{candidate} waits for a server; `toolft serve {address.agent}` begins the canary")
    return CanaryStatus(
        text=f"{candidate} gets {share:.0%} of the conversations since {state.opened_at}", counts=counts
    )


def _counts(state: CanaryState) -> str:
    """Failed conversations of both arms."""
    arms = {arm: state.arms.get(arm.value, ArmCounts()) for arm in (Arm.CANDIDATE, Arm.CHAMPION)}
    return ", ".join(f"{arm.value} {each.failed} of {each.conversations} failed" for arm, each in arms.items())
