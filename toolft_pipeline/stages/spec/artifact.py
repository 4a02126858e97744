"""The identity of an artifact, and the one function that makes a version of it.

Invariant: stages and the artifacts nested inside their builds (evaluations, a reference model) are reused, forced and
committed by the same rules, and read only the settings that they declare.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from toolft_pipeline.settings import AgentSettings
from toolft_pipeline.stages.spec.settings_slice import settings_slice, settings_values
from toolft_pipeline.warehouse.digest import Json
from toolft_pipeline.warehouse.manifest import Address, fingerprint_of
from toolft_pipeline.warehouse.store import Built, Recipe, Version, Warehouse


@dataclass(frozen=True, kw_only=True)
class Artifact:
    """The part of a declaration that decides a version's fingerprint, apart from the inputs."""

    asset: str
    code_version: str
    """Raise it when the code makes different content of the same inputs and settings."""
    settings: tuple[str, ...] = ()
    """Dotted keys of the settings that decide the content; their values enter the fingerprint."""
    placement: tuple[str, ...] = ()
    """Dotted keys that the code may read as well: where and how fast it works, paths of files whose digests are
    sources, and settings that enter the fingerprint through `derived`."""
    derived: Callable[[AgentSettings], dict[str, Json]] = lambda _settings: {}
    """Further values for the fingerprint, computed from the declared settings."""

    def slice(self, settings: AgentSettings) -> AgentSettings:
        """The settings that the build may read."""
        return settings_slice(settings, (*self.settings, *self.placement))

    def fingerprint_settings(self, settings: AgentSettings) -> dict[str, Json]:
        """The settings part of the fingerprint."""
        return {**settings_values(settings, self.settings), **self.derived(self.slice(settings))}

    def recipe(self, settings: AgentSettings, *, partition: str | None, inputs: dict[str, str]) -> Recipe:
        """Everything that decides a fingerprint; `inputs` are the digests of inputs and sources, by name."""
        read = self.fingerprint_settings(settings)
        return Recipe(
            address=Address(agent=settings.name, asset=self.asset, partition=partition),
            fingerprint=fingerprint_of(code_version=self.code_version, settings=read, inputs=inputs),
            code_version=self.code_version,
            settings=read,
            inputs=inputs,
        )


def make_version(
    recipe: Recipe,
    build: Callable[[Path], Built],
    *,
    warehouse: Warehouse,
    run_id: str | None,
    force: bool,
) -> tuple[Version, bool]:
    """Reuse the version with this fingerprint, or build and commit it; also return whether it was reused.

    `build` writes into the empty folder that it receives. With `force` a version is reused only if the same run made it
    (a retried step).
    """
    started = time.monotonic()
    if not force or _made_by(warehouse.find(recipe.address, recipe.fingerprint), run_id):
        reused = warehouse.reuse(recipe.address, recipe.fingerprint)
        if reused is not None:
            return reused, True
    with warehouse.staging(recipe.address) as staged:
        return warehouse.commit(staged, recipe, build(staged), run_id=run_id, started=started), False


def _made_by(version: Version | None, run_id: str | None) -> bool:
    return version is not None and run_id is not None and version.manifest.run_id == run_id
