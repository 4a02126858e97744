"""The registry of sandbox kinds: what each kind must do, and a test that names what a new one lacks."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from toolft_pipeline.sandbox.kinds import KINDS, open_sandbox
from toolft_pipeline.sandbox.pool import map_on_sandboxes
from toolft_pipeline.sandbox.protocol import Sandbox, SandboxError, SandboxStateError
from toolft_pipeline.settings import SandboxSettings
from toolft_pipeline.settings.sandbox import DEFAULT_KIND
from toolft_pipeline_tests.conftest import REPOSITORY
from toolft_pipeline_tests.sandbox.kind_backends import BACKENDS

DOCS = REPOSITORY / "docs" / "verification.md"


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> SandboxSettings:
    assert request.param in BACKENDS, f"kind {request.param}: add a backend to sandbox/kind_backends.py of the tests"
    return BACKENDS[request.param]


@pytest.fixture
def sandbox(kind: SandboxSettings, tmp_path: Path) -> Iterator[Sandbox]:
    with open_sandbox(kind, cwd=tmp_path) as opened:
        yield opened


def test_kind_resets_calls_and_shows_its_state(sandbox: Sandbox) -> None:
    sandbox.reset("one")
    fresh = sandbox.snapshot()
    assert not sandbox.call("note", {"text": "hello"}).is_error
    assert sandbox.snapshot() != fresh
    sandbox.reset("one")
    assert sandbox.snapshot() == fresh


def test_kind_returns_a_tools_failure_and_goes_on(sandbox: Sandbox) -> None:
    sandbox.reset("one")
    failed = sandbox.call("note", {"text": "forbidden"})
    assert (failed.is_error, failed.text) == (True, "Error: this text is forbidden")
    assert not sandbox.call("note", {"text": "hello"}).is_error


def test_kind_refuses_an_unknown_state(sandbox: Sandbox) -> None:
    with pytest.raises(SandboxStateError, match="unknown"):
        sandbox.reset("unknown")


def test_kind_lists_its_tools_in_mcps_shape(sandbox: Sandbox) -> None:
    tools = {tool["name"]: tool for tool in sandbox.list_tools()}
    assert {"sandbox_reset", "sandbox_snapshot", "note"} <= tools.keys()
    assert tools["note"]["inputSchema"]["type"] == "object"
    assert isinstance(tools["note"]["description"], str)


def test_kind_is_closed_twice_without_an_error(sandbox: Sandbox) -> None:
    sandbox.close()
    sandbox.close()


def test_kind_is_used_by_the_pool(kind: SandboxSettings, tmp_path: Path) -> None:
    def work(sandbox: Sandbox, item: str) -> str:
        sandbox.reset(item)
        return sandbox.snapshot()

    shown = list(map_on_sandboxes(["one", "two"], work, settings=kind, cwd=tmp_path))
    assert ["one" in shown[0], "two" in shown[1]] == [True, True]


@pytest.mark.parametrize("name", KINDS)
def test_kind_has_a_row_in_the_docs(name: str) -> None:
    row = f"| `{name}` | {KINDS[name].description} |"
    assert row in DOCS.read_text(encoding="utf-8").splitlines(), f"add to {DOCS.name}: {row}"


def test_kinds_are_those_of_the_backends_and_the_default_is_one() -> None:
    assert BACKENDS.keys() == KINDS.keys()
    assert DEFAULT_KIND in KINDS


def test_unknown_kind_names_the_known_ones(tmp_path: Path) -> None:
    settings = SandboxSettings(kind="mcp_sdtio", command=("python", "server.py"))
    with (
        pytest.raises(SandboxError, match=r"no sandbox kind named 'mcp_sdtio'; set it to .*mcp_stdio"),
        open_sandbox(settings, cwd=tmp_path),
    ):
        pass
