"""The fallback as a variant, from the evaluation over the gate to the server: one run of `assistant` for all tests.

A server on loopback stands in for the incumbent: it writes the gold turns of the evaluation's tasks. The candidate is a
tiny random model, whose turns nobody can use.
"""

from __future__ import annotations

import json
import queue
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from toolft_pipeline.agent_file import load_agent
from toolft_pipeline.catalog.build import load_catalog
from toolft_pipeline.serving.notice import Notice
from toolft_pipeline.serving.server.server_parts import open_server_parts
from toolft_pipeline.settings import AgentSettings
from toolft_pipeline.warehouse.store import Warehouse
from toolft_pipeline_tests.conftest import HANG_S, REPOSITORY
from toolft_pipeline_tests.evaluation.openai_server import Server, serving
from toolft_pipeline_tests.pipeline_site import DAY, TINY, Site, install, report_page
from toolft_pipeline_tests.serving.running_app import RunningApp

pytest.importorskip("openai", reason="no openai: pip install -e '.[endpoints]'")

pytestmark = pytest.mark.slow  # a whole run, and a second evaluation

Message = dict[str, Any]
TASKS = [json.loads(line) for line in (REPOSITORY / "data" / "assistant" / "tasks.jsonl").read_text().splitlines()]
QUESTION = "How much is 63 + 79?"


def gold_turn(messages: list[Message]) -> Message:
    """The next assistant turn of the task that begins with this question."""
    question = next(message["content"] for message in messages if message["role"] == "user")
    written = sum(message["role"] == "assistant" for message in messages)
    gold = next((task["gold"] for task in TASKS if task["user_turns"][0] == question), [])
    turns = [message for message in gold if message["role"] == "assistant"]
    if written >= len(turns):
        return {"content": "I do not know."}
    turn = {key: turns[written].get(key) for key in ("content", "tool_calls")}
    return {key: value for key, value in turn.items() if value} | {"content": turn["content"]}


@dataclass(frozen=True)
class Evaluated:
    """An installation whose candidate was evaluated behind the endpoint `big`."""

    site: Site
    big: Server
    dull: Server
    """Answers nothing but that it does not know."""

    def overrides(self, endpoint: str = "big", **more: str) -> dict[str, str]:
        servers = {"big": self.big, "dull": self.dull}
        priced = {"price_per_million_prompt_tokens": 3.0}
        endpoints = {
            name: {"base_url": server.address, "model": f"{name}-1", "key_from": None, **priced}
            for name, server in servers.items()
        }
        tiny = {key: value for key, value in TINY.items() if not key.startswith(("evaluation.bfcl", "gate.shadow"))}
        return tiny | {
            "evaluation.compare": "[]",
            "evaluation.max_turns": "8",
            "window_days": "1",
            "first_day": DAY,
            "serving.runs.enabled": "false",
            "gate.hallucinated_tool": "0.95",  # bounds are wide on three tasks
            **{f"gate.{name}": "0.1" for name in ("parse_rate", "right_tool", "valid_arguments")},
            "evaluation.max_task_tokens": "null",
            "evaluation.variants": '["fallback"]',
            "evaluation.endpoints": json.dumps(endpoints),
            "serving.fallback.endpoint": endpoint,
            **more,
        }

    def settings(self, endpoint: str) -> AgentSettings:
        overrides = self.overrides(endpoint, **{"serving.fallback.enabled": "true"})
        return load_agent(self.site.root / "data" / "assistant" / "agent.yaml", overrides=overrides)

    def run(self, endpoint: str = "big") -> None:
        given = [word for key, value in self.overrides(endpoint).items() for word in ("--set", f"{key}={value}")]
        finished = self.site.toolft("run", "assistant", *given)
        assert finished.returncode == 0, finished.stdout + finished.stderr

    def report(self) -> Path:
        """The folder of the report in force."""
        return report_page(self.site.toolft("show", "assistant", "eval_report").stdout).parent


@pytest.fixture(scope="module")
def evaluated(tiny_model_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Evaluated]:
    site = install(tmp_path_factory.mktemp("site"), tiny_model_folder)
    with (
        serving(Server(gold_turn)) as big,
        serving(Server(lambda _messages: {"content": "I do not know."})) as dull,
    ):
        made = Evaluated(site, big, dull)
        made.run()
        yield made


@contextmanager
def served(evaluated: Evaluated, endpoint: str) -> Iterator[tuple[Callable[[], Any], queue.SimpleQueue[Notice]]]:
    """Asks the server of the candidate a question; its notices."""
    settings, notices = evaluated.settings(endpoint), queue.SimpleQueue[Notice]()
    warehouse = Warehouse(evaluated.site.root / "data" / ".warehouse")
    app = RunningApp(open_server_parts(settings, warehouse, key=b"tests", version="candidate", notify=notices.put))
    tools = load_catalog(settings.path("catalog.json")).openai_tools()

    def ask() -> Any:
        return app.client().chat.completions.create(
            model="assistant",
            messages=[{"role": "user", "content": QUESTION}],
            tools=tools,  # type: ignore[arg-type]  # plain dicts
            max_tokens=4,
        )

    yield ask, notices
    app.close()


def test_variant_has_figures_of_its_own_and_the_candidate_keeps_its_own(evaluated: Evaluated) -> None:
    models = json.loads((evaluated.report() / "metrics.json").read_text())["models"]
    plain, behind = models["candidate"], models["candidate+fallback"]
    assert (plain["parse_rate"]["value"], plain["task_success"]["value"]) == (0.0, 0.0)
    assert (behind["parse_rate"]["value"], behind["task_success"]["value"]) == (1.0, 1.0)
    assert behind["fallback_share"]["value"] == 1.0
    assert plain["fallback_share"] is None
    assert behind["fallback_prompt_tokens_per_task"] >= 1000
    assert behind["cost_per_1k_tasks"] >= 3.0
    assert plain["cost_per_1k_tasks"] == 0.0


def test_gate_judges_the_variant_apart_from_the_candidate(evaluated: Evaluated) -> None:
    (judged,) = json.loads((evaluated.report() / "variants.json").read_text())
    assert (judged["variant"], judged["passed"], judged["reasons"]) == ("fallback", True, [])
    assert (judged["wins"], judged["losses"]) == (3, 0)
    verdict = json.loads((evaluated.report() / "verdict.json").read_text())
    assert verdict["promote"] is False
    shown = evaluated.site.toolft("show", "assistant", "eval_report").stdout
    assert "candidate+fallback" in shown
    assert "behind fallback: passed (3 tasks end better and 0 worse than without it)" in shown


def test_server_uses_the_net_with_the_model_that_passed_behind_it(evaluated: Evaluated) -> None:
    asked = len(evaluated.big.requests)
    with served(evaluated, "big") as (ask, notices):
        answer = ask()
        (made,) = answer.choices[0].message.tool_calls
        assert (made.function.name, json.loads(made.function.arguments)) == ("calculate", {"expression": "63 + 79"})
        assert answer.model_extra["toolft"]["fallback"] == "big"
        assert answer.model_extra["toolft"]["fault"] == "length"
    assert len(evaluated.big.requests) == asked + 1
    assert notices.empty()


def test_server_leaves_out_an_endpoint_that_was_not_evaluated(evaluated: Evaluated) -> None:
    asked = len(evaluated.dull.requests)
    with served(evaluated, "dull") as (ask, notices):
        assert ask().choices[0].finish_reason == "length"
        notice = notices.get(timeout=HANG_S)
        assert "was judged with another fallback than" in notice.error
    assert len(evaluated.dull.requests) == asked


def test_server_leaves_out_the_net_when_the_gate_refused_it(evaluated: Evaluated) -> None:
    evaluated.run("dull")
    (judged,) = json.loads((evaluated.report() / "variants.json").read_text())
    assert judged["passed"] is False
    assert evaluated.dull.requests
    asked = len(evaluated.dull.requests)
    with served(evaluated, "dull") as (ask, notices):
        assert ask().choices[0].finish_reason == "length"
        notice = notices.get(timeout=HANG_S)
        assert "the gate refused" in notice.error
        assert judged["reasons"][0] in notice.error
    assert len(evaluated.dull.requests) == asked
