"""Effects are compared after the calls that came before: here on a backend of one dictionary."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from toolft_pipeline.evaluation.judge.calls import canonical_call
from toolft_pipeline.evaluation.scoring.functional_match import FunctionalMatcher
from toolft_pipeline.sandbox.protocol import ToolResult
from toolft_pipeline.sandbox.session_pool import SessionPool

PUT, TAKE, FIRST = (
    canonical_call("put", {"key": "a", "value": 7}),
    canonical_call("take", {"key": "a"}),
    canonical_call("first", {}),
)


class Shelf:
    """A backend that keeps values by key; an empty shelf gives nothing."""

    def __init__(self) -> None:
        self._values: dict[str, Any] = {}

    def reset(self, _state_ref: str) -> None:
        self._values = {}

    def snapshot(self) -> str:
        return json.dumps(self._values)

    def call(self, name: str, arguments: Mapping[str, Any]) -> ToolResult:
        if name == "put":
            self._values[arguments["key"]] = arguments["value"]
            return ToolResult(text="{}", is_error=False)
        value = self._values.get(arguments.get("key", next(iter(self._values), "")))
        return ToolResult(text=json.dumps({"value": value}), is_error=False)

    def close(self) -> None:
        self._values = {}


def same_effect(*before: Any) -> bool:
    return FunctionalMatcher(SessionPool(Shelf, size=1), volatile=()).have_same_effect(
        state_ref="empty", before=before, expected=[TAKE], made=[FIRST]
    )


def test_effect_is_that_after_the_calls_before() -> None:
    assert same_effect(PUT)
    assert not same_effect(), "on an empty shelf neither call shows anything"
    assert not same_effect(canonical_call("put", {"key": "b", "value": 1}), PUT)
