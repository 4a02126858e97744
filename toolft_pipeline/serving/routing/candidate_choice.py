"""The candidate of a canary: which merged model it is, or why it gets no conversation.

Invariant: a model that a rollback withdrew, whose merge is not proven, or that a canary stopped is refused, with the
reason, and the reason is news once.
"""

from __future__ import annotations

import json
from dataclasses import dataclass

from toolft_pipeline.evaluation.promotion.model_registry import withdrawn_models
from toolft_pipeline.serving.canary.canary import Canary
from toolft_pipeline.serving.routing.find_model import MODEL
from toolft_pipeline.serving.served_model import ServedModel
from toolft_pipeline.settings import AgentSettings
from toolft_pipeline.training.managed.hosted_model import read_hosted
from toolft_pipeline.training.merging.merge import CHECKS_FILE, MERGE_CHECKS
from toolft_pipeline.warehouse.manifest import ArtifactKey
from toolft_pipeline.warehouse.store import Version, Warehouse


@dataclass(frozen=True, kw_only=True)
class RefusedCandidate:
    """A model that would be the candidate; `digest` is None where no model of that day exists."""

    day: str
    digest: str | None
    why: str
    remedy: str

    def __str__(self) -> str:
        named = "" if self.digest is None else f" ({self.digest[:16]})"
        return f"the candidate of {self.day}{named} gets no conversation: {self.why}"


def canary_candidate(
    warehouse: Warehouse, agent: str, *, champion: str, champion_day: str, day: str | None
) -> Version | RefusedCandidate | None:
    """The candidate of a canary: the merged model of `day`, else the newest one if it is no older than the champion.

    `champion` is the content digest of the model in service. None if there is nothing to compare it with.
    """
    days = warehouse.partitions(agent, MODEL)
    newest = day if day is not None else days[-1] if days else None
    if newest is None or (day is None and newest < champion_day):
        return None
    found = warehouse.current(ArtifactKey(agent=agent, asset=MODEL, partition=newest)) if newest in days else None
    if found is None:
        fix = f"`toolft run {agent} --to {newest}` makes one, or change serving.canary.version"
        return RefusedCandidate(day=newest, digest=None, why="there is no merged model of that day", remedy=fix)
    digest = found.manifest.content_digest
    if digest == champion:
        return None
    refused = _why_refused(found, withdrawn=digest in withdrawn_models(warehouse, agent))
    if refused is not None:
        return RefusedCandidate(day=newest, digest=digest, why=refused[0], remedy=refused[1])
    return found


class CandidateChoice:
    """Chooses the candidate of one server."""

    def __init__(self, warehouse: Warehouse, settings: AgentSettings, canary: Canary) -> None:
        self._warehouse = warehouse
        self._settings = settings
        self._canary = canary
        self._told: set[str | None] = set()

    def wanted(self, champion: ServedModel) -> Version | RefusedCandidate | None:
        """The model to test against the champion, or why there is none; None where nothing is refused. Reads files."""
        found = canary_candidate(
            self._warehouse,
            self._settings.name,
            champion=champion.content_digest,
            champion_day=champion.day,
            day=self._settings.serving.canary.version,
        )
        if isinstance(found, Version) and self._canary.is_stopped(found.manifest.content_digest):
            return self._stopped_earlier(found)
        return found

    def is_news(self, refused: RefusedCandidate) -> bool:
        """Whether a person has not heard of this one; true once."""
        news = refused.digest not in self._told
        self._told.add(refused.digest)
        return news

    def _stopped_earlier(self, version: Version) -> RefusedCandidate | None:
        """The refusal of a stopped candidate; None if this server stopped it and said so."""
        digest = version.manifest.content_digest
        stop = self._canary.earlier_stop(digest)
        if stop is None:
            return None
        day, why = version.manifest.address.partition or "", f"an earlier canary stopped it at {stop.at}: {stop.why}"
        fix = f"`toolft run {self._settings.name}` makes the next candidate"
        return RefusedCandidate(day=day, digest=digest, why=why, remedy=fix)


def _why_refused(version: Version, *, withdrawn: bool) -> tuple[str, str] | None:
    """Why a model gets no conversation and what to do about it; None if it gets some."""
    address = version.manifest.address
    if withdrawn:
        return "a rollback withdrew it", f"`toolft run {address.agent}` makes the next candidate"
    if read_hosted(version.folder) is not None:
        fix = f"`toolft show {address.agent} champion` says whether it is in service"
        return "it stays at its host, without weights here", fix
    if failed := _failed_merge_checks(version):
        fix = f"`toolft show {address.agent} {MODEL} --partition {address.partition}` has the checks"
        return f"checks of its merge failed: {', '.join(failed)}", fix
    return None


def _failed_merge_checks(version: Version) -> list[str]:
    try:
        checks = json.loads(version.file(CHECKS_FILE).read_text(encoding="utf-8"))
        return [name for name in MERGE_CHECKS if not checks[name]["passed"]]
    except (OSError, ValueError, KeyError, TypeError):
        return ["they cannot be read"]
