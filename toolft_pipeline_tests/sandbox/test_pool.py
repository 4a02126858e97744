from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from toolft_pipeline.sandbox.pool import map_on_sandboxes
from toolft_pipeline.sandbox.protocol import Sandbox, SandboxCrashedError, SandboxError, SandboxStateError
from toolft_pipeline_tests.sandbox.conftest import Settings


def note(sandbox: Sandbox, text: str) -> tuple[str, int]:
    sandbox.reset(text)
    count = json.loads(sandbox.call("note", {"text": text}).text)["notes"]
    return text, count


def test_map_over_many_items_keeps_their_order_and_isolates_them(
    backend: Settings, living: Callable[[], list[int]], tmp_path: Path
) -> None:
    items = [f"item-{number}" for number in range(40)]
    results = list(map_on_sandboxes(items, note, settings=backend(sessions=2), cwd=tmp_path))
    assert results == [(item, 1) for item in items]
    assert len((tmp_path / "pids").read_text().split()) == 2
    assert living() == []


def test_map_item_whose_server_crashes_once_is_tried_again(backend: Settings, tmp_path: Path) -> None:
    def work(sandbox: Sandbox, item: str) -> str:
        sandbox.reset(item)
        if item == "b":
            sandbox.call("die_once", {"mark": str(tmp_path / "mark")})
        return str(json.loads(sandbox.snapshot())["name"])

    assert list(map_on_sandboxes("abc", work, settings=backend(sessions=1), cwd=tmp_path)) == ["a", "b", "c"]


def crash_on_b(sandbox: Sandbox, item: str) -> str:
    sandbox.reset(item)
    if item == "b":
        sandbox.call("die", {})
    return item


def test_map_item_that_always_crashes_becomes_a_result(backend: Settings, tmp_path: Path) -> None:
    results = map_on_sandboxes(
        "abc",
        crash_on_b,
        settings=backend(sessions=2),
        cwd=tmp_path,
        failed=lambda item, error: f"{item}: {type(error).__name__}",
    )
    assert list(results) == ["a", "b: SandboxCrashedError", "c"]


@pytest.mark.parametrize("tool", ["die", "hang"])
def test_map_item_that_always_fails_is_tried_exactly_twice(backend: Settings, tmp_path: Path, tool: str) -> None:
    tried: list[str] = []

    def work(sandbox: Sandbox, item: str) -> str:
        sandbox.reset(item)
        tried.append(item)
        if item == "b":
            sandbox.call(tool, {})
        return item

    settings = backend(sessions=1, call_timeout_s=60.0 if tool == "die" else 4.0)
    results = list(map_on_sandboxes("abc", work, settings=settings, cwd=tmp_path, failed=lambda item, _: f"no {item}"))
    assert results == ["a", "no b", "c"]
    assert tried == ["a", "b", "b", "c"]


def test_item_that_always_crashes_raises_without_failed(
    backend: Settings, living: Callable[[], list[int]], tmp_path: Path
) -> None:
    with pytest.raises(SandboxCrashedError, match="disk on fire"):
        list(map_on_sandboxes("abc", crash_on_b, settings=backend(sessions=2), cwd=tmp_path))
    assert living() == []


def test_map_item_of_an_unknown_state_becomes_a_result(backend: Settings, tmp_path: Path) -> None:
    results = map_on_sandboxes(
        ["unknown"],
        note,
        settings=backend(sessions=1),
        cwd=tmp_path,
        failed=lambda item, error: (item, -isinstance(error, SandboxStateError)),
    )
    assert list(results) == [("unknown", -1)]


def test_map_with_a_server_that_does_not_start_raises(backend: Settings, tmp_path: Path) -> None:
    with pytest.raises(SandboxError, match="database is locked"):
        list(map_on_sandboxes("a", crash_on_b, settings=backend("fail"), cwd=tmp_path, failed=lambda item, _: item))


def test_map_with_a_server_that_does_not_start_again_raises(backend: Settings, tmp_path: Path) -> None:
    results = map_on_sandboxes(
        "b", crash_on_b, settings=backend("once", sessions=1), cwd=tmp_path, failed=lambda item, _: item
    )
    with pytest.raises(SandboxError, match="database is locked"):
        list(results)


def test_map_left_early_leaves_no_process(backend: Settings, living: Callable[[], list[int]], tmp_path: Path) -> None:
    results = map_on_sandboxes(["a"] * 50, note, settings=backend(sessions=2), cwd=tmp_path)
    assert next(results) == ("a", 1)
    results.close()
    assert living() == []
