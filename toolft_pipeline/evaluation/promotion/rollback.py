"""Roll back to a model that served before: adds one record to the history and removes nothing.

Invariant: a rollback puts a model with intact files in service, or changes nothing. A person decides on it, so it may
name any model that ever served, including a withdrawn one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from toolft_pipeline.errors import FixableError
from toolft_pipeline.evaluation.promotion.model_registry import (
    ROLLBACK,
    InService,
    resolve,
    service_folder,
    serving_history,
)
from toolft_pipeline.warehouse.lock import locked
from toolft_pipeline.warehouse.manifest import ArtifactKey
from toolft_pipeline.warehouse.pointers import Pointer, PointerMovedError, move_pointer, pointer_history
from toolft_pipeline.warehouse.store import Warehouse, WarehouseError

MIN_DIGEST = 6
"""Shortest prefix of a content digest that may name a model."""


class RollbackError(FixableError, ValueError):
    """There is no model to roll back to, or the named one does not exist; the message says what to do."""


@dataclass(frozen=True, kw_only=True)
class Rollback:
    """The model in service before and after, and the models that the rollback withdrew."""

    before: InService
    after: InService
    withdrawn: tuple[str, ...]


def roll_back(warehouse: Warehouse, agent: str, *, to: str | None = None) -> Rollback:
    """Put the previous model in service, or the one that `to` names.

    `to` is an as-of day (the newest model of that day that served), a version as in the records, or a prefix of a
    content digest. Raises `RollbackError`.
    """
    folder = service_folder(warehouse, agent)
    moves = pointer_history(folder)
    if not moves:
        raise RollbackError(f"{agent}: no model was ever in service; `toolft run {agent}` makes and evaluates one")
    history = serving_history(moves)
    if to is None and len(history.models) < 2:
        raise RollbackError(
            f"{agent}: nothing to roll back to: no model served before {resolve(warehouse, agent, moves[-1])}; "
            f"name another with --to ({_served(moves)})"
        )
    target = history.models[-2] if to is None else _named(agent, moves, to)
    if target.content_digest == moves[-1].content_digest:
        raise RollbackError(f"{agent}: {resolve(warehouse, agent, target)} is in service already")
    day = resolve(warehouse, agent, target).day
    # retention waits
    with locked(ArtifactKey(agent=agent, asset="merged_model", partition=day).folder(warehouse.root)):
        _check_files(warehouse, agent, target)
        try:
            moved = move_pointer(
                folder,
                after=moves[-1].number,
                version=target.version,
                content_digest=target.content_digest,
                kind=ROLLBACK,
            )
        except PointerMovedError as error:
            raise RollbackError(f"{agent}: a promotion came in between; check what serves now and run again") from error
    now = serving_history([*moves, moved])
    return Rollback(
        before=resolve(warehouse, agent, moves[-1]),
        after=resolve(warehouse, agent, moved),
        withdrawn=tuple(sorted(now.withdrawn.keys() - history.withdrawn.keys())),
    )


def _named(agent: str, moves: Sequence[Pointer], to: str) -> Pointer:
    """The newest record that `to` names; a digest prefix must match one model."""
    matches = [move for move in moves if to in {move.version, move.version.partition("/")[0]}]
    if not matches and len(to) >= MIN_DIGEST:
        matches = [move for move in moves if move.content_digest.startswith(to)]
        if len({move.content_digest for move in matches}) > 1:
            raise RollbackError(f"{agent}: several models match {to}; give more of the digest ({_served(moves)})")
    if not matches:
        raise RollbackError(f"{agent}: {to} never served; those that did: {_served(moves)}")
    return matches[-1]


def _served(moves: Sequence[Pointer]) -> str:
    shown = [f"{move.version.partition('/')[0]} {move.content_digest[:16]}" for move in moves]
    return ", ".join(dict.fromkeys(shown))


def _check_files(warehouse: Warehouse, agent: str, target: Pointer) -> None:
    """Refuse a model whose files were reclaimed or damaged: it must be rebuilt before it can serve."""
    model = resolve(warehouse, agent, target)
    address = ArtifactKey(agent=agent, asset="merged_model", partition=model.day)
    try:
        versions = warehouse.with_content(address, model.content_digest)
    except WarehouseError as error:
        raise RollbackError(str(error)) from error
    version = next((each for each in versions if each.folder == model.folder), None)
    damaged = ["manifest.json"] if version is None else warehouse.damage(version)
    if damaged:
        raise RollbackError(
            f"{model.folder}: {len(damaged)} files are missing or damaged ({damaged[0]}); "
            f"`toolft run {agent} --to {model.day}` rebuilds the model of that day"
        )
