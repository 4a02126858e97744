"""The live tools against those of the training: what is a difference, what is none, and a server that is silent."""

from __future__ import annotations

import copy
import json
import random
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from toolft_pipeline.catalog.tool import Catalog, parse_catalog
from toolft_pipeline.sandbox.protocol import SandboxError
from toolft_pipeline.serving.drift.drift_watch import LiveToolsWatch
from toolft_pipeline.serving.drift.live_tools import live_tools
from toolft_pipeline.serving.drift.tool_changes import tool_changes, tools_digest
from toolft_pipeline.serving.notice import Notice
from toolft_pipeline.serving.routing.load_model import load_served_model
from toolft_pipeline.serving.served_model import ServedModel
from toolft_pipeline_tests.agents import agent
from toolft_pipeline_tests.serving.desk_warehouse import CLOSE, DAYS, FIND, DeskWarehouse

HANG_S = 600.0

SERVER = """
import json, sys
from pathlib import Path
import anyio
import mcp.types as types
from mcp.server.lowlevel import Server
from mcp.server.stdio import stdio_server

server = Server("desk")

@server.list_tools()
async def list_tools():
    return [types.Tool(**tool) for tool in json.loads(Path("live.json").read_text())]

async def main():
    async with stdio_server() as (read, write):
        await server.run(read, write, server.create_initialization_options())

anyio.run(main)
"""


def _catalog(*tools: dict[str, Any]) -> Catalog:
    return parse_catalog({"tools": list(tools)}, where="test")


def _edited(tool: dict[str, Any], edit: Callable[[dict[str, Any]], object]) -> dict[str, Any]:
    changed = copy.deepcopy(tool)
    edit(changed)
    return changed


def _shuffled(value: Any) -> Any:
    if isinstance(value, dict):
        items = [(key, _shuffled(inner)) for key, inner in value.items()]
        random.Random(3).shuffle(items)
        return dict(items)
    return value


TRAINED = _catalog(FIND, CLOSE)

SAME = {
    "other_order": _catalog(CLOSE, FIND),
    "other_order_of_keys": _catalog(_shuffled(FIND), _shuffled(CLOSE)),
    "required_in_other_order": _catalog(
        FIND, _edited(CLOSE, lambda tool: tool["inputSchema"].update(required=["title", "ticket"]))
    ),
    "other_description": _catalog(_edited(FIND, lambda tool: tool.update(description="Look it up.")), CLOSE),
    "other_parameter_description": _catalog(
        _edited(FIND, lambda tool: tool["inputSchema"]["properties"]["number"].update(description="N.")), CLOSE
    ),
    "read_only_hint": _catalog({**FIND, "annotations": {"readOnlyHint": True}}, CLOSE),
}
DIFFERENT = {
    "tool_removed": (_catalog(FIND), "missing close_ticket", True),
    "tool_added": (_catalog(FIND, CLOSE, {**FIND, "name": "track"}), "added track", False),
    "parameter_called_title_removed": (
        _catalog(FIND, _edited(CLOSE, lambda tool: tool["inputSchema"]["properties"].pop("title"))),
        "changed close_ticket",
        True,
    ),
    "optional_parameter_added": (
        _catalog(_edited(FIND, lambda tool: tool["inputSchema"]["properties"].update(full={"type": "boolean"})), CLOSE),
        "changed find_order",
        False,
    ),
    "type_changed": (
        _catalog(_edited(FIND, lambda tool: tool["inputSchema"]["properties"]["number"].update(type="string")), CLOSE),
        "changed find_order",
        True,
    ),
    "enum_with_a_text_of_a_keyword": (
        _catalog(
            _edited(FIND, lambda tool: tool["inputSchema"]["properties"]["number"].update(enum=["description"])), CLOSE
        ),
        "changed find_order",
        True,
    ),
}


@pytest.mark.parametrize("kind", SAME)
def test_no_difference_for_a_model_that_calls(kind: str) -> None:
    assert not tool_changes(trained=TRAINED, live=SAME[kind]).any
    assert tools_digest(SAME[kind]) == tools_digest(TRAINED)


@pytest.mark.parametrize("kind", DIFFERENT)
def test_difference_is_named(kind: str) -> None:
    live, text, breaking = DIFFERENT[kind]
    changes = tool_changes(trained=TRAINED, live=live)
    assert (str(changes), changes.any, changes.breaking) == (text, True, breaking)
    assert tools_digest(live) != tools_digest(TRAINED)


def test_rewording_is_reported_apart() -> None:
    changes = tool_changes(trained=TRAINED, live=SAME["other_description"])
    assert changes.reworded == ("find_order",)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> ServedModel:
    desk = DeskWarehouse(tmp_path_factory.mktemp("desk"))
    desk.promote(desk.model(DAYS[0], "a"))
    return load_served_model(desk.warehouse, desk.settings())


class Watched:
    """A watch whose server the test plays."""

    def __init__(self, model: ServedModel | None) -> None:
        self.model = model
        self.live: Catalog | Exception = TRAINED
        self.looks = 0
        self.notices: list[Notice] = []
        self.watch = LiveToolsWatch(
            agent="tester",
            every_s=0.001,
            trained=lambda: self.model,
            list_tools=self._list,
            notify=self.notices.append,
        )

    def _list(self) -> Catalog:
        self.looks += 1
        if isinstance(self.live, Exception):
            raise self.live
        return self.live

    def kinds(self) -> dict[str, float]:
        """Tools that differ, by kind, on the metrics page."""
        return {
            figure.labels["kind"]: figure.value
            for figure in self.watch.figures()
            if figure.name == "toolft_catalog_drift_tools"
        }

    def look(self, live: Catalog | Exception) -> tuple[str, bool]:
        self.live = live
        self.watch.look()
        return self.watch.describe()["state"], self.watch.drifted()


def test_drift_begins_changes_and_ends_with_one_notice_each(model: ServedModel) -> None:
    watched = Watched(model)
    assert watched.watch.describe()["state"] == "not_looked"
    assert watched.look(TRAINED) == ("same", False)
    for _ in range(3):
        assert watched.look(_catalog(FIND)) == ("drifted", True)
    assert watched.look(_catalog(CLOSE)) == ("drifted", True)
    assert watched.look(TRAINED) == ("same", False)
    assert [(notice.subject, notice.error) for notice in watched.notices] == [
        ("tools missing", "the live server does not list close_ticket: every call of it fails"),
        ("tools missing", "the live server does not list find_order: every call of it fails"),
        ("tools missing", "over: the live server lists every tool of the training"),
    ]
    described = watched.watch.describe()
    assert described["trained_digest"] == described["live_digest"]


def test_missing_changed_and_added_tools_are_told_apart(model: ServedModel) -> None:
    """A tool that is not listed is mostly a deployment at fault, another schema a release: different people act."""
    watched = Watched(model)
    find = _edited(FIND, lambda tool: tool["inputSchema"]["properties"]["number"].update(type="string"))
    track = {**FIND, "name": "track"}
    watched.look(_catalog(find, CLOSE))
    watched.look(_catalog(find, track))
    assert [(notice.subject, notice.error) for notice in watched.notices] == [
        ("tools changed", "the live server has another schema than the model was trained on, of find_order"),
        ("tools missing", "the live server does not list close_ticket: every call of it fails"),
        ("tools added", "the live server lists track, which the model was not trained on"),
    ]
    assert watched.kinds() == {"missing": 1.0, "changed": 1.0, "added": 1.0}
    watched.look(_catalog(find, CLOSE))
    assert watched.kinds() == {"missing": 0.0, "changed": 1.0, "added": 0.0}
    assert [notice.error.split(":")[0] for notice in watched.notices[3:]] == ["over", "over"]
    assert watched.watch.drifted()


def test_silent_server_is_a_state_of_its_own(model: ServedModel) -> None:
    """It neither begins a drift nor ends one, and it is told of once until it answers again."""
    watched = Watched(model)
    silent = SandboxError("sandbox: no answer")
    assert watched.look(silent) == ("no_answer", False)
    assert watched.look(silent) == ("no_answer", False)
    assert watched.look(_catalog(FIND)) == ("drifted", True)
    assert watched.look(silent) == ("no_answer", True)
    figures = {figure.name: figure.value for figure in watched.watch.figures() if not figure.labels}
    assert figures == {"toolft_tools_no_answer": 1}
    assert watched.kinds() == {"missing": 1.0, "changed": 0.0, "added": 0.0}
    assert ["no answer" in notice.error for notice in watched.notices] == [True, False, True]


def test_model_trained_on_the_new_tools_ends_the_drift_at_once(model: ServedModel) -> None:
    from dataclasses import replace

    watched = Watched(model)
    assert watched.look(_catalog(FIND)) == ("drifted", True)
    watched.model = replace(model, content_digest="e" * 64, catalog=_catalog(FIND))
    assert not watched.watch.drifted()


def test_watch_looks_again_and_again_until_it_is_closed(model: ServedModel) -> None:
    watched, seen = Watched(model), threading.Event()

    def list_tools() -> Catalog:
        watched.looks += 1
        if watched.looks == 2:
            raise RuntimeError("a fault of the user's module")
        if watched.looks == 4:
            seen.set()
        return TRAINED

    watched.watch = LiveToolsWatch(
        agent="tester", every_s=0.001, trained=lambda: model, list_tools=list_tools, notify=watched.notices.append
    )
    watched.watch.start()
    assert seen.wait(HANG_S)
    watched.watch.close()
    assert not [thread for thread in threading.enumerate() if thread.name == "live tools"]
    assert [notice.error for notice in watched.notices] == ["tools/list: no answer: a fault of the user's module"]


def test_live_tools_are_those_of_the_mcp_server_that_is_deployed_now(tmp_path: Path) -> None:
    """A real server, started for each look: its tools change on disk, and then it does not start."""
    (tmp_path / "server.py").write_text(SERVER)
    (tmp_path / "catalog.json").write_text(json.dumps({"tools": [FIND, CLOSE]}))
    live = tmp_path / "live.json"
    pipeline_only = [{"name": name, "inputSchema": {"type": "object"}} for name in ("sandbox_reset", "other")]
    settings = agent(
        tmp_path, sandbox={"command": ["python", "server.py"], "start_timeout_s": HANG_S, "snapshot_tool": "other"}
    )
    live.write_text(json.dumps([CLOSE, *pipeline_only, FIND]))
    assert not tool_changes(trained=TRAINED, live=live_tools(settings)).any
    live.write_text(json.dumps([*pipeline_only, FIND]))
    assert tool_changes(trained=TRAINED, live=live_tools(settings)).removed == ("close_ticket",)
    (tmp_path / "server.py").write_text("raise SystemExit(3)")
    with pytest.raises(SandboxError):
        live_tools(settings)


def test_live_tools_without_a_sandbox_are_those_of_the_catalogs_source(tmp_path: Path) -> None:
    (tmp_path / "catalog.json").write_text(json.dumps({"tools": [FIND]}))
    assert live_tools(agent(tmp_path)).names == ("find_order",)
