"""Constrained decoding behind the whole server: a random model with real weights, asked by the official client."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from toolft_pipeline.chat.formats import FORMATS
from toolft_pipeline.chat.rendering.serving import install_chat_format
from toolft_pipeline.ingest.served_turns import read_served_turns
from toolft_pipeline.serving.server.server_parts import open_server_parts
from toolft_pipeline.settings import CatalogMode
from toolft_pipeline.settings.evaluation import Variant
from toolft_pipeline_tests.agents import read_agent_day
from toolft_pipeline_tests.conftest import HANG_S
from toolft_pipeline_tests.engines.decoded_models import TinyModel
from toolft_pipeline_tests.serving.api.client_side import joined, whole
from toolft_pipeline_tests.serving.desk_warehouse import AGENT, FIND, DeskWarehouse
from toolft_pipeline_tests.serving.running_app import RunningApp

pytest.importorskip("llguidance", reason="no llguidance: pip install -e '.[constrained]'")

DAY, FORMAT = "2026-10-01", "gemma3"
ASKED: dict[str, Any] = {
    "model": AGENT,
    "messages": [{"role": "user", "content": "Where is order 7?"}],
    "tools": [{"type": "function", "function": {"name": FIND["name"], "parameters": FIND["inputSchema"]}}],
    "tool_choice": "required",
    "parallel_tool_calls": False,
    "max_tokens": 120,
}


class Desk:
    """A desk whose random model passed the gate under a grammar, or did not."""

    def __init__(self, root: Path, weights: Path, *, judged: bool) -> None:
        desk = DeskWarehouse(root, format_name=FORMAT)
        model = desk.model(DAY, "random", folder=weights)
        desk.promote(model)
        self.settings = desk.settings(constrained=True, engine={"threads": 1})
        if judged:
            desk.judge(model, Variant.CONSTRAINED, self.settings)
        parts = open_server_parts(self.settings, desk.warehouse, key=b"tests")
        assert parts.run_log is not None
        self.run_log, self.app = parts.run_log, RunningApp(parts)

    def ask(self, **more: Any) -> Any:
        return self.app.client().chat.completions.create(**{**ASKED, **more})

    def changed_turns(self) -> str | None:
        """The metric; None without a line of it."""
        name = 'toolft_constrained_turns_total{arm="champion"} '
        lines = [line for line in self.app.get("/metrics").text.splitlines() if line.startswith(name)]
        return lines[0].removeprefix(name) if lines else None

    def logged(self) -> Path:
        """The day log, complete."""
        self.run_log.flush(everything=True, timeout=HANG_S)
        (file,) = self.settings.path(self.settings.logs.folder).glob("*.jsonl")
        return file


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    tiny = TinyModel(tmp_path_factory.mktemp("tiny") / FORMAT, FORMAT)
    install_chat_format(tiny.tokenizer, FORMATS[FORMAT], CatalogMode.NONE)
    tiny.tokenizer.save_pretrained(tiny.folder)
    return tiny.folder


@pytest.fixture
def desk(tmp_path: Path, weights: Path, request: pytest.FixtureRequest) -> Iterator[Desk]:
    opened = Desk(tmp_path, weights, judged=request.param)
    yield opened
    opened.app.close()


@pytest.mark.parametrize("desk", [True], indirect=True)
def test_turn_that_the_grammar_changed_is_a_valid_call_and_is_logged(desk: Desk, tmp_path: Path) -> None:
    answer = desk.ask()
    sent = whole(answer)
    assert (sent["reason"], [each["name"] for each in sent["calls"]]) == ("tool_calls", ["find_order"])
    (given,) = (json.loads(each["arguments"]) for each in sent["calls"])
    assert given.keys() == {"number"}
    assert isinstance(given["number"], int)
    changed = answer.model_extra["toolft"]["constrained_changes"]
    assert changed > 3
    assert joined(desk.ask(stream=True))["reason"] == "tool_calls"
    assert desk.changed_turns() == "2.0"
    file = desk.logged()
    turns = [turn for line in file.read_text().splitlines() for turn in json.loads(line)["served"]["turns"]]
    assert [turn["constrained_changes"] for turn in turns] == [changed, changed]
    read_agent_day(desk.settings, day=file.name[:10], out=tmp_path)
    assert [turn.constrained_changes for turn in read_served_turns(tmp_path)] == [changed, changed]


@pytest.mark.parametrize("desk", [False], indirect=True)
def test_model_that_was_not_judged_under_a_grammar_writes_freely(desk: Desk) -> None:
    answer = desk.ask()
    assert whole(answer)["reason"] not in {"tool_calls", "stop"}
    assert answer.model_extra["toolft"]["constrained_changes"] == 0
    assert desk.changed_turns() is None
