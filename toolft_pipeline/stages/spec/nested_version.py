"""A version that is built inside another stage's build, with a fingerprint of its own.

Invariant: the rules are those of a stage: the same code version, settings and inputs reuse the version in the
warehouse. A forced build (`Work.force`) reuses only what the same run made, so that a retried step loses nothing.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from toolft_pipeline.stages.spec.stage import Work
from toolft_pipeline.warehouse.digest import Json
from toolft_pipeline.warehouse.manifest import Address, fingerprint_of
from toolft_pipeline.warehouse.store import Built, Recipe, Version


def nested_version(
    work: Work,
    address: Address,
    *,
    code_version: str,
    reads: Json,
    inputs: dict[str, str],
    build: Callable[[Path], Built],
    announce: bool = True,
) -> Version:
    """Reuse the version with this fingerprint, or build and commit it; `announce` logs a reuse."""
    started = time.monotonic()
    recipe = Recipe(
        address=address,
        fingerprint=fingerprint_of(code_version=code_version, settings=reads, inputs=inputs),
        code_version=code_version,
        settings=reads,
        inputs=inputs,
    )
    found = work.warehouse.reuse(address, recipe.fingerprint)
    made_now = found is not None and work.run_id is not None and found.manifest.run_id == work.run_id
    if found is not None and (made_now or not work.force):
        if announce:
            work.progress(f"{address}: reused")
        return found
    with work.warehouse.staging(address) as staged:
        return work.warehouse.commit(staged, recipe, build(staged), run_id=work.run_id, started=started)
