"""A backend that holds one conversation's state from its first call to its last.

Invariant: the state is reset once and every call is made once. Only after a crash or a time-out is the state rebuilt:
the server is restarted and reset, the earlier calls are made again, and the work that failed is tried once more.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import Any, TypeVar

from msgspec.structs import replace

from toolft_pipeline.sandbox.protocol import Sandbox, SandboxCrashedError, SandboxTimeoutError, ToolResult
from toolft_pipeline.sandbox.state import state_digest

T = TypeVar("T")
ToolCall = tuple[str, dict[str, Any]]
"""Name and arguments."""


class LiveSession:
    """A `sandbox` in the state `state_ref`, and the calls made in it.

    The constructor resets the backend, after a crash or a time-out once more. A second failure of the same work raises
    `SandboxCrashedError` or `SandboxTimeoutError`; a state that the backend refuses raises `SandboxStateError`.
    """

    def __init__(self, sandbox: Sandbox, state_ref: str) -> None:
        self.sandbox = sandbox
        self._state_ref = state_ref
        self._made: list[ToolCall] = []
        self._with_second_try(lambda: self.sandbox.reset(self._state_ref))

    def call_all(self, calls: Sequence[ToolCall], *, watched: Collection[int] = ()) -> list[ToolResult]:
        """Make a turn's calls in order. If the backend fails twice on them, none of them counts as made.

        Of the calls at the places `watched`, the results say whether they changed the state: two snapshots each.
        """
        results = self._with_second_try(
            lambda: [self._call(call, watch=place in watched) for place, call in enumerate(calls)]
        )
        self._made += calls
        return results

    def state(self) -> str:
        """Digest of the state as the calls left it."""
        return state_digest(self._with_second_try(self.sandbox.snapshot))

    def _call(self, call: ToolCall, *, watch: bool) -> ToolResult:
        """One call, with the state looked at before and after it if it is watched; no repeated call is."""
        if not watch:
            return self.sandbox.call(*call)
        before = self.sandbox.snapshot()
        result = self.sandbox.call(*call)
        return replace(result, changed=self.sandbox.snapshot() != before)

    def _with_second_try(self, work: Callable[[], T]) -> T:
        try:
            return work()
        except (SandboxCrashedError, SandboxTimeoutError):
            self._rebuild()
            return work()

    def _rebuild(self) -> None:
        self.sandbox.reset(self._state_ref)
        for name, arguments in self._made:
            self.sandbox.call(name, arguments)
