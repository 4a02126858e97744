"""Which model is in service: numbered records under `model_in_service`, added by promotion and rollback alone.

Invariant: records are only added, and the model in service follows from all of them. A rollback *withdraws* the models
that came after its target; no run promotes one of them again until a person names it in a rollback. A candidate is
compared with the newest model in the serving history that is not the candidate itself, so a second run after a
promotion makes the same comparison and reaches the same verdict.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from toolft_pipeline.warehouse.manifest import ArtifactKey
from toolft_pipeline.warehouse.pointers import Pointer, PointerMovedError, latest_pointer, move_pointer, pointer_history
from toolft_pipeline.warehouse.store import Version, Warehouse

SERVICE = "model_in_service"
ROLLBACK = "rollback"
"""The kind of a record written by a rollback; records of promotions have no kind."""

_TRIES = 10


@dataclass(frozen=True, kw_only=True)
class InService:
    """A model that is or was in service: its as-of day, folder and content digest."""

    day: str
    folder: Path
    content_digest: str

    def __str__(self) -> str:
        return f"{self.day} {self.content_digest[:16]}"


@dataclass(frozen=True, kw_only=True)
class ServingHistory:
    """The models that served, one after the other; the last one serves now.

    `withdrawn` has the models that a rollback took out of service, by content digest, with the time.
    """

    models: tuple[Pointer, ...]
    withdrawn: dict[str, str]


@dataclass(frozen=True, kw_only=True)
class Promotion:
    """Whether the pointer moved; `objection` is why a promotion was refused."""

    moved: bool
    objection: str | None = None


def serving_history(moves: Sequence[Pointer]) -> ServingHistory:
    """Replay the records, oldest first."""
    models: list[Pointer] = []
    withdrawn: dict[str, str] = {}
    for move in moves:
        if move.kind != ROLLBACK:
            models.append(move)
            continue
        same = [index for index, model in enumerate(models) if model.content_digest == move.content_digest]
        if same:
            withdrawn |= {model.content_digest: move.created_at for model in models[same[-1] + 1 :]}
            del models[same[-1] + 1 :]
        else:  # a model that was withdrawn, put back by name
            models.append(move)
        withdrawn.pop(move.content_digest, None)
    return ServingHistory(models=tuple(models), withdrawn=withdrawn)


def in_service(warehouse: Warehouse, agent: str) -> InService | None:
    """The model that the pointer names."""
    pointer = latest_pointer(service_folder(warehouse, agent))
    return None if pointer is None else resolve(warehouse, agent, pointer)


def champion_to_beat(warehouse: Warehouse, agent: str, *, candidate: str) -> InService | None:
    """The newest model in the serving history whose content digest is not the candidate's."""
    for pointer in reversed(_history(warehouse, agent).models):
        if pointer.content_digest != candidate:
            return resolve(warehouse, agent, pointer)
    return None


def withdrawn_at(warehouse: Warehouse, agent: str, *, candidate: str) -> str | None:
    """When a rollback took this model out of service; None if it never was, or has been put back since."""
    return _history(warehouse, agent).withdrawn.get(candidate)


def withdrawn_models(warehouse: Warehouse, agent: str) -> frozenset[str]:
    """Content digests of the models that a rollback took out of service and nobody put back."""
    return frozenset(_history(warehouse, agent).withdrawn)


def served_models(warehouse: Warehouse, agent: str) -> list[InService]:
    """The models that served, one after the other, without withdrawn ones; the last one serves now."""
    return [resolve(warehouse, agent, pointer) for pointer in _history(warehouse, agent).models]


def promote(warehouse: Warehouse, agent: str, *, day: str, model: Version, against: str | None) -> Promotion:
    """Put a merged model in service. `against` is the content digest of the model it was compared with, or None.

    The pointer stays if the model serves already, if it was withdrawn, or if another model came into service after the
    verdict: a comparison with a model that no longer serves decides nothing.
    """
    folder = service_folder(warehouse, agent)
    digest = model.manifest.content_digest
    for _ in range(_TRIES):
        moves = pointer_history(folder)
        if moves and moves[-1].content_digest == digest:
            return Promotion(moved=False)
        withdrawn = withdrawn_at(warehouse, agent, candidate=digest)
        if withdrawn is not None:
            return Promotion(moved=False, objection=withdrawn_reason(withdrawn))
        serving = champion_to_beat(warehouse, agent, candidate=digest)
        if (None if serving is None else serving.content_digest) != against:
            return Promotion(
                moved=False,
                objection=f"{serving} came into service after the report was written; run again to compare with it",
            )
        try:
            after = moves[-1].number if moves else 0
            move_pointer(folder, after=after, version=f"{day}/{model.folder.name}", content_digest=digest)
        except PointerMovedError:
            continue
        return Promotion(moved=True)
    return Promotion(moved=False, objection="other runs keep moving the pointer; run again")


def withdrawn_reason(when: str) -> str:
    """Why a withdrawn model is not promoted."""
    return f"a rollback took this model out of service ({when}); `toolft rollback --to` puts it back"


def service_folder(warehouse: Warehouse, agent: str) -> Path:
    """The folder of an agent's records."""
    return ArtifactKey(agent=agent, asset=SERVICE).folder(warehouse.root)


def resolve(warehouse: Warehouse, agent: str, pointer: Pointer) -> InService:
    """Resolve the model that a record names."""
    day, _, name = pointer.version.partition("/")
    models = ArtifactKey(agent=agent, asset="merged_model", partition=day).folder(warehouse.root)
    return InService(day=day, folder=models / "versions" / name, content_digest=pointer.content_digest)


def _history(warehouse: Warehouse, agent: str) -> ServingHistory:
    return serving_history(pointer_history(service_folder(warehouse, agent)))
