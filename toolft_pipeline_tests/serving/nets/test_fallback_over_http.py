"""The fallback behind the whole server, asked by the official client and answered by an endpoint's server."""

from __future__ import annotations

import json
import queue
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from toolft_pipeline.ingest.day import RawSummary
from toolft_pipeline.serving.notice import Notice
from toolft_pipeline.serving.server.server_parts import open_server_parts
from toolft_pipeline.settings.evaluation import Variant
from toolft_pipeline.trajectories.record import Origin, Trajectory
from toolft_pipeline.trajectories.table import read_trajectories
from toolft_pipeline.warehouse.store import Version
from toolft_pipeline_tests.agents import read_agent_day
from toolft_pipeline_tests.conftest import HANG_S
from toolft_pipeline_tests.evaluation.openai_server import Fault, Server, serving
from toolft_pipeline_tests.serving.api.client_side import call, joined, whole
from toolft_pipeline_tests.serving.api.scripted import ScriptedEngine
from toolft_pipeline_tests.serving.desk_warehouse import AGENT, FIND, DeskWarehouse
from toolft_pipeline_tests.serving.running_app import RunningApp

TOOLS = [
    {
        "type": "function",
        "function": {"name": FIND["name"], "description": FIND["description"], "parameters": FIND["inputSchema"]},
    }
]
BROKEN = '<tool_call>\n{"name": "find_order", "argum'
INVALID = call("find_order", {"number": "seven"})
GOOD = call("find_order", {"number": 7})


def their_call(arguments: str) -> dict[str, Any]:
    made = {"id": "theirs", "type": "function", "function": {"name": "find_order", "arguments": arguments}}
    return {"content": None, "tool_calls": [made]}


THEIRS = their_call('{"number": 7}')
QUESTION = {"role": "user", "content": "Where is order 7?"}


class Desk:
    """The server, what its engine writes, and the incumbent's endpoint."""

    def __init__(
        self,
        desk: DeskWarehouse,
        model: Version,
        incumbent: Server,
        *,
        judged: bool | None,
        drift: dict[str, Any] | None = None,
        **fallback: Any,
    ) -> None:
        self.incumbent, self.engine = incumbent, ScriptedEngine(BROKEN)
        self.notices, self.told = queue.SimpleQueue[Notice](), threading.Event()
        self.told.set()
        self.settings = desk.settings(
            evaluation={"endpoints": {"big": {"base_url": incumbent.address, "model": "large-1", "key_from": None}}},
            fallback={"enabled": True, "endpoint": "big", **fallback},
            drift=drift or {},
        )
        if judged is not None:
            desk.judge(model, Variant.FALLBACK, self.settings, passed=judged)
        parts = open_server_parts(
            self.settings, desk.warehouse, key=b"tests", engines=lambda _: self.engine, notify=self._notify
        )
        assert parts.run_log is not None
        self.run_log, self.app = parts.run_log, RunningApp(parts)
        self.client = self.app.client()

    def _notify(self, notice: Notice) -> None:
        """An alert channel, which answers when `told` is set."""
        assert self.told.wait(HANG_S)
        self.notices.put(notice)

    def ask(self, *messages: dict[str, Any], **more: Any) -> Any:
        given: Any = {"model": AGENT, "messages": list(messages) or [QUESTION], "tools": TOOLS, **more}
        return self.client.chat.completions.create(**given)

    def metric(self, line: str) -> str:
        """The value of a metric, by its name and labels."""
        for each in self.app.get("/metrics").text.splitlines():
            if each.startswith(f"{line} "):
                return each.removeprefix(line).strip()
        return "absent"

    def logged(self) -> list[dict[str, Any]]:
        """The runs in the day logs."""
        self.run_log.flush(everything=True, timeout=HANG_S)
        files = sorted(self.settings.path(self.settings.logs.folder).glob("*.jsonl"))
        return [json.loads(line) for file in files for line in file.read_text().splitlines()]

    def ingested(self, tmp_path: Any) -> tuple[RawSummary, list[Trajectory]]:
        self.run_log.flush(everything=True, timeout=HANG_S)
        (file,) = self.settings.path(self.settings.logs.folder).glob("*.jsonl")
        summary = read_agent_day(self.settings, day=file.name[:10], out=tmp_path)
        return summary, list(read_trajectories(tmp_path / "trajectories.parquet"))


Begin = Callable[..., Desk]


@pytest.fixture
def begin(desk: DeskWarehouse, models: list[Version]) -> Iterator[Begin]:
    """Starts servers whose model passed the gate behind the net, unless `judged` says otherwise."""
    opened: list[Desk] = []
    with serving(Server(lambda _messages: THEIRS)) as incumbent:

        def start(*, judged: bool | None = True, **fallback: Any) -> Desk:
            opened.append(Desk(desk, models[0], incumbent, judged=judged, **fallback))
            return opened[-1]

        yield start
        for each in opened:
            each.app.close()


def extension(answer: Any) -> dict[str, Any]:
    found: dict[str, Any] = answer.model_extra["toolft"]
    return found


@pytest.mark.parametrize(("written", "fault"), [(BROKEN, "malformed_tool_call"), (INVALID, None)])
def test_turn_that_cannot_be_used_is_asked_once_and_marked(begin: Begin, written: str, fault: str | None) -> None:
    at = begin()
    at.engine.text = written
    answer = at.ask()
    sent = whole(answer)
    assert (sent["reason"], sent["error"]) == ("tool_calls", None)
    assert [(each["name"], each["arguments"]) for each in sent["calls"]] == [("find_order", '{"number": 7}')]
    assert extension(answer)["fallback"] == "big"
    assert extension(answer)["fault"] == fault
    ((_, body),) = at.incumbent.requests
    assert (body["model"], body["messages"], body["tools"]) == ("large-1", [QUESTION], TOOLS)
    assert at.metric('toolft_fallback_requests_total{endpoint="big",result="answered"}') == "1.0"
    assert at.metric('toolft_fallbacks_total{endpoint="big"}') == "1.0"


def test_streamed_turn_shows_nothing_of_ours_before_the_endpoint_answers(begin: Begin) -> None:
    at = begin()
    at.engine.text, at.engine.borders = "Let me see. " + BROKEN, [3, 12]
    chunks = list(at.ask(stream=True))
    sent = joined(chunks)
    assert (sent["content"], sent["reason"], sent["error"]) == ("", "tool_calls", None)
    assert [(each["name"], each["arguments"]) for each in sent["calls"]] == [("find_order", '{"number": 7}')]
    assert len(at.incumbent.requests) == 1


def test_turn_of_the_endpoint_is_logged_and_never_counted_as_ours(begin: Begin, tmp_path: Any) -> None:
    at = begin()
    first = at.ask()
    (made,) = first.choices[0].message.tool_calls
    at.engine.text = "It is on its way."
    history = [
        QUESTION,
        {"role": "assistant", "content": None, "tool_calls": [made.model_dump()]},
        {"role": "tool", "tool_call_id": made.id, "content": "on its way"},
    ]
    second = at.ask(*history)
    assert extension(second)["fallback"] is None
    assert extension(second)["conversation_id"] == extension(first)["conversation_id"]
    assert at.metric('toolft_turns_total{arm="champion",outcome="malformed_tool_call"}') == "1.0"
    assert at.metric('toolft_calls_total{arm="champion"}') == "0.0"
    (line,) = at.logged()
    assert line["served"]["own"] is False
    assert [(turn.get("fallback"), turn.get("fault")) for turn in line["served"]["turns"]] == [
        ("big", "malformed_tool_call"),
        (None, None),
    ]
    _, (run,) = at.ingested(tmp_path)
    assert run.origin is Origin.MIXED


def test_good_turns_are_not_asked(begin: Begin) -> None:
    at = begin()
    at.engine.text = GOOD
    assert extension(at.ask())["fallback"] is None
    assert at.incumbent.requests == []


@pytest.mark.parametrize("falls_back", [True, False])
def test_good_turns_are_asked_while_the_live_tools_differ_from_the_training(begin: Begin, falls_back: bool) -> None:
    """The catalog's file is the live source. What drifts is another tool than the one that is called."""
    at = begin(drift={"every_s": 0.01, "fallback": falls_back})
    at.engine.text = GOOD
    catalog = at.settings.path("catalog.json")
    trained = catalog.read_text()

    def ask_when(drifted: float, order: int) -> Any:
        deadline = time.monotonic() + HANG_S
        while at.metric("toolft_catalog_drift") != str(drifted):
            assert time.monotonic() < deadline
            time.sleep(0.01)
        return at.ask({"role": "user", "content": f"Where is order {order}?"})

    assert extension(ask_when(0.0, 1))["fallback"] is None
    replace(catalog, json.dumps({"tools": [FIND]}))  # close_ticket is gone
    answer = ask_when(1.0, 2)
    assert extension(answer)["fallback"] == ("big" if falls_back else None)
    assert len(at.incumbent.requests) == falls_back
    replace(catalog, trained)
    assert extension(ask_when(0.0, 3))["fallback"] is None
    assert len(at.incumbent.requests) == falls_back
    marked = [bool(turn.get("catalog_drift")) for line in at.logged() for turn in line["served"]["turns"]]
    assert sorted(marked) == [False, False, True]


def replace(file: Path, text: str) -> None:
    """Write a file in one step: it is read at any moment."""
    fresh = file.with_suffix(".new")
    fresh.write_text(text)
    fresh.replace(file)


def test_turn_beyond_the_budget_is_our_fault(begin: Begin) -> None:
    at = begin(per_hour=1)
    assert extension(at.ask())["fallback"] == "big"
    at.client = at.app.client()
    other = at.ask()
    assert (whole(other)["reason"], extension(other)["fallback"]) == ("malformed_tool_call", None)
    assert len(at.incumbent.requests) == 1
    assert at.metric('toolft_fallback_requests_total{endpoint="big",result="budget"}') == "1.0"


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize(
    "fault",
    [Fault(status=429), Fault(status=500), Fault(cut=True), Fault(hang=True)],
    ids=["429", "500", "cut", "hang"],
)
def test_endpoint_that_fails_leaves_our_fault(begin: Begin, fault: Fault, stream: bool) -> None:
    at = begin(timeout_s=0.2 if fault.hang else HANG_S)
    at.incumbent.faults = [fault]
    answer = at.ask(stream=stream)
    sent = joined(answer) if stream else whole(answer)
    assert (sent["reason"], sent["calls"]) == ("malformed_tool_call", [])
    assert sent["error"]["text"] == BROKEN
    assert len(at.incumbent.requests) == 1
    assert at.metric('toolft_fallback_requests_total{endpoint="big",result="failed"}') == "1.0"
    (line,) = at.logged()
    assert (line["served"]["own"], line["served"]["turns"][0].get("fallback")) == (True, None)


@pytest.mark.parametrize(
    "theirs",
    [
        {"content": BROKEN},
        {"content": None},
        their_call("{"),
    ],
    ids=["text call", "empty", "cut arguments"],
)
def test_malformed_answer_of_the_endpoint_is_not_handed_on(begin: Begin, theirs: dict[str, Any]) -> None:
    at = begin()
    at.incumbent.answer = lambda _messages: theirs
    assert whole(at.ask())["reason"] == "malformed_tool_call"
    assert len(at.incumbent.requests) == 1
    assert at.metric('toolft_fallback_requests_total{endpoint="big",result="refused"}') == "1.0"


@pytest.mark.parametrize("judged", [None, False], ids=["not evaluated", "refused"])
def test_model_that_did_not_pass_with_the_net_is_served_without_it(begin: Begin, judged: bool | None) -> None:
    at = begin(judged=judged)
    assert [whole(at.ask())["reason"] for _ in range(2)] == ["malformed_tool_call"] * 2
    assert at.incumbent.requests == []
    notice = at.notices.get(timeout=HANG_S)
    assert at.notices.empty()
    assert (notice.subject, notice.remedy) == ("serving fallback", "the model is served without it")


def test_alert_that_takes_long_holds_up_no_answer(begin: Begin) -> None:
    at = begin(judged=None)
    at.told.clear()
    assert whole(at.ask())["reason"] == "malformed_tool_call"
    at.told.set()
    assert at.notices.get(timeout=HANG_S).subject == "serving fallback"
