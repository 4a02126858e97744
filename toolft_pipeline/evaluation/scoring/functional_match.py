"""Functional match: whether calls have the same effect on the backend as the expected ones, from the same state.

Invariant: calls match if the backend ends in the same state with the same results, whatever the tools are named; order
within a turn does not matter. Calls without a visible effect (no change, and no value in any result) prove nothing
and never match. Only calls that the catalog allows are executed.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence

from msgspec import Struct

from toolft_pipeline.evaluation.judge.calls import CanonicalCall
from toolft_pipeline.sandbox.protocol import Sandbox, SandboxCrashedError, SandboxTimeoutError
from toolft_pipeline.sandbox.session_pool import SessionPool
from toolft_pipeline.sandbox.state import canonical_result
from toolft_pipeline.trajectories.grounding_text import decoded, leaves


class CallEffects(Struct, frozen=True, kw_only=True):
    """What a turn's calls did: the state after them, and their results as canonical text, sorted."""

    state: str
    results: tuple[str, ...]
    is_visible: bool


class FunctionalMatcher:
    """Compares the effects of calls, from as many threads as the pool has sessions.

    `volatile` are the keys that differ from run to run.
    """

    def __init__(self, sessions: SessionPool, *, volatile: Collection[str]) -> None:
        self.parallel = sessions.size
        self._sessions = sessions
        self._volatile = volatile

    def have_same_effect(
        self,
        *,
        state_ref: str,
        before: Sequence[CanonicalCall],
        expected: Sequence[CanonicalCall],
        made: Sequence[CanonicalCall],
    ) -> bool:
        """Whether two turns' calls have the same effect after the calls `before` them.

        Takes two resets. A backend that crashes or hangs on the calls `made` is tried once more; then they do not
        match. Raises `SandboxError` if it fails on the expected calls.
        """
        with self._sessions.borrowed() as sandbox:
            wanted = self._effect(sandbox, state_ref, before, expected)
            if not wanted.is_visible:
                return False
            for _ in range(2):
                try:
                    return self._effect(sandbox, state_ref, before, made) == wanted
                except (SandboxCrashedError, SandboxTimeoutError):
                    continue
        return False

    def _effect(
        self, sandbox: Sandbox, state_ref: str, before: Sequence[CanonicalCall], calls: Sequence[CanonicalCall]
    ) -> CallEffects:
        sandbox.reset(state_ref)
        for call in before:
            sandbox.call(call.name, json.loads(call.arguments))
        state_before = sandbox.snapshot()
        results = [sandbox.call(call.name, json.loads(call.arguments)) for call in calls]
        state_after = sandbox.snapshot()
        texts = tuple(sorted(canonical_result(result.text, self._volatile) for result in results))
        visible = state_after != state_before or any(map(_has_value, texts))
        return CallEffects(state=state_after, results=texts, is_visible=visible)


def _has_value(result: str) -> bool:
    """Whether a result holds any value: text, or JSON with a scalar in it."""
    value = decoded(result)
    return bool(result.strip()) if value is None else any(leaf is not None for _, leaf, _ in leaves(value, {}))
