"""Which calls only read, on a backend that is one number."""

from __future__ import annotations

from typing import Any

from toolft_pipeline.sandbox.protocol import Sandbox, ToolResult
from toolft_pipeline.sandbox.state_watch import StateWatch


class Counter(Sandbox):
    """`add` changes the number by so much, `show` reads it, `fail` fails."""

    def __init__(self) -> None:
        self.number = 0
        self.calls: list[str] = []

    def reset(self, state_ref: str) -> None:
        self.number = int(state_ref)

    def call(self, name: str, arguments: dict[str, Any]) -> ToolResult:
        self.calls.append(name)
        self.number += arguments.get("by", 0)
        return ToolResult(text=str(self.number), is_error=name == "fail")

    def snapshot(self) -> str:
        return str(self.number)


def test_state_watch_call_reads_if_it_succeeds_and_changes_nothing() -> None:
    backend = Counter()
    watch = StateWatch(backend)
    watch.reset("5")
    results = [watch.call(*call) for call in (("show", {}), ("add", {"by": 2}), ("add", {"by": 0}), ("fail", {}))]
    assert [result.text for result in results] == ["5", "7", "7", "7"]
    assert watch.only_read == [True, False, True, False]
    assert watch.snapshot() == "7"
    assert backend.calls == ["show", "add", "add", "fail"], "each call is made once"
    watch.reset("1")
    assert (watch.only_read, watch.snapshot()) == ([], "1")
