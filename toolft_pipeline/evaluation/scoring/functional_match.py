"""Whether other calls than the expected do the same: both are made on the backend, from the same state.

Invariant: calls have the same effect where the backend ends in the same state and the results are the same, whatever
the tools are called; order does not matter within a turn. Calls that show nothing (no change, and a result without a
single value) prove nothing and are never the same. Only calls that the catalog allows are ever made.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence

from msgspec import Struct

from toolft_pipeline.evaluation.scoring.calls import CanonicalCall
from toolft_pipeline.sandbox.protocol import Sandbox, SandboxCrashedError, SandboxTimeoutError
from toolft_pipeline.sandbox.state import canonical_result
from toolft_pipeline.trajectories.grounding_text import decoded, leaves


class CallEffects(Struct, frozen=True, kw_only=True):
    """What a turn's calls did: the state after them, and their results in canonical text, sorted."""

    state: str
    results: tuple[str, ...]
    shows_something: bool


class FunctionalMatcher:
    """Effects on one sandbox. `volatile` are the keys that differ from run to run."""

    def __init__(self, sandbox: Sandbox, *, volatile: Collection[str]) -> None:
        self._sandbox = sandbox
        self._volatile = volatile

    def have_same_effect(
        self,
        *,
        state_ref: str,
        before: Sequence[CanonicalCall],
        expected: Sequence[CanonicalCall],
        made: Sequence[CanonicalCall],
    ) -> bool:
        """Whether two turns' calls do the same after the calls `before` them.

        Two resets, and every call once or twice. A backend that crashes or hangs on the calls `made` is tried once
        more, and then they have no effect. Raises `SandboxError` where it fails on the expected ones.
        """
        wanted = self._effect(state_ref, before, expected)
        if not wanted.shows_something:
            return False
        for _ in range(2):
            try:
                return self._effect(state_ref, before, made) == wanted
            except (SandboxCrashedError, SandboxTimeoutError):
                continue
        return False

    def _effect(self, state_ref: str, before: Sequence[CanonicalCall], calls: Sequence[CanonicalCall]) -> CallEffects:
        self._sandbox.reset(state_ref)
        for call in before:
            self._sandbox.call(call.name, json.loads(call.arguments))
        at_first = self._sandbox.snapshot()
        results = [self._sandbox.call(call.name, json.loads(call.arguments)) for call in calls]
        at_last = self._sandbox.snapshot()
        told = tuple(sorted(canonical_result(result.text, self._volatile) for result in results))
        shows = at_last != at_first or any(map(_has_value, told))
        return CallEffects(state=at_last, results=told, shows_something=shows)


def _has_value(result: str) -> bool:
    """Whether a result tells anything: a text, or JSON with a scalar in it."""
    value = decoded(result)
    return bool(result.strip()) if value is None else any(leaf is not None for _, leaf, _ in leaves(value, {}))
