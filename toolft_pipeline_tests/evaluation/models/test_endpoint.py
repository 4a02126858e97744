"""A model behind an endpoint, on a local server that speaks the protocol and its failures."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from toolft_pipeline.agent_file import load_agent
from toolft_pipeline.catalog.build import load_catalog
from toolft_pipeline.chat.rendering.parsing import ParsedTurn
from toolft_pipeline.evaluation.judge.task import Task, load_tasks
from toolft_pipeline.evaluation.models.endpoint import EndpointError, EndpointModel
from toolft_pipeline.evaluation.models.generation import Sampling
from toolft_pipeline.evaluation.models.generation_cache import GenerationCache
from toolft_pipeline.evaluation.scoring.evaluate import evaluate_endpoint
from toolft_pipeline.settings import EndpointSettings, EvaluationSettings
from toolft_pipeline_tests.conftest import REPOSITORY
from toolft_pipeline_tests.evaluation.openai_server import Fault, Message, Server, serving

pytest.importorskip("openai", reason="no openai: pip install -e '.[endpoints]'")

AGENT = load_agent(REPOSITORY / "data" / "assistant" / "agent.yaml")
TASKS = load_tasks(AGENT.path(AGENT.evaluation.tasks))[:6]
KEY, SECRET = "TOOLFT_TEST_KEY", "sk-never-to-be-seen"
ASKED: list[Message] = [{"role": "user", "content": "Hello"}]


def gold(tasks: Sequence[Task]) -> Any:
    """Answers as the gold runs do, calls structured; of anything else it knows nothing."""
    turns = {task.user_turns[0]: [m for m in task.gold if m["role"] == "assistant"] for task in tasks}

    def answer(messages: list[Message]) -> Message:
        asked = next(message["content"] for message in messages if message["role"] == "user")
        if asked not in turns:
            return {"content": "I do not know."}
        found = turns[asked][sum(message["role"] == "assistant" for message in messages)]
        return {"content": found.get("content"), "tool_calls": found.get("tool_calls")}

    return answer


def says(**message: Any) -> Server:
    """A server that answers every request with the same message."""
    return Server(lambda _messages: message)


def called(name: str, arguments: str) -> list[dict[str, Any]]:
    return [{"id": "c1", "type": "function", "function": {"name": name, "arguments": arguments}}]


@contextmanager
def asking(server: Server, **settings: Any) -> Iterator[EndpointModel]:
    with serving(server):
        yield EndpointModel(
            name="big",
            settings=EndpointSettings(base_url=server.address, model="big-1", key_from=KEY, **settings),
            catalog=load_catalog(AGENT.path("catalog.json")),
            system_prompt="keep",
            max_new_tokens=50,
        )


def turn(server: Server, **settings: Any) -> ParsedTurn:
    """The answer to one short request."""
    with asking(server, **settings) as model:
        (generation,) = model.generate([model.prompt(ASKED)])
        return model.read(generation)


@pytest.fixture(autouse=True)
def _key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(KEY, SECRET)


@pytest.fixture(scope="module")
def server() -> Server:
    """Does every task right, after a busy moment and a fault of its own."""
    return Server(gold(TASKS), faults=[Fault(status=429), Fault(status=500), Fault(cut=True)])


@pytest.fixture(scope="module")
def folder(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The evaluation of that server."""
    out = tmp_path_factory.mktemp("evaluation")
    with pytest.MonkeyPatch.context() as patch, serving(server):
        patch.setenv(KEY, SECRET)
        endpoint = EndpointSettings(base_url=server.address, model="big-1", key_from=KEY)
        evaluation = AGENT.evaluation.model_copy(update={"endpoints": {"big": endpoint}})
        lines: list[str] = []
        evaluate_endpoint(
            name="big", tasks=TASKS, settings=AGENT.model_copy(update={"evaluation": evaluation}),
            catalog=AGENT.folder, out=out, progress=lines.append, answers=GenerationCache(),
        )  # fmt: skip
    (out / "progress.txt").write_text("\n".join(lines))
    return out


@pytest.fixture(scope="module")
def metrics(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / "metrics.json").read_text())
    return found


def test_endpoint_that_does_every_task_right_passes_whatever_the_network_did(metrics: dict[str, Any]) -> None:
    assert metrics["task_outcomes"] == {task.task_id: True for task in TASKS}
    assert (metrics["parse_rate"]["value"], metrics["exact_match"]["value"]) == (1.0, 1.0)


def test_endpoint_usage_is_what_the_server_reports(metrics: dict[str, Any]) -> None:
    assert metrics["tokens_per_turn"] == 1020
    turns = sum(message["role"] == "assistant" for task in TASKS for message in task.gold)
    assert metrics["prompt_tokens_per_task"] == pytest.approx(1000 * turns / len(TASKS))
    assert metrics["new_tokens_per_task"] == pytest.approx(20 * turns / len(TASKS))


def test_endpoint_request_has_the_catalog_greedy_settings_and_only_what_the_protocol_knows(
    folder: Path, server: Server
) -> None:
    headers, body = server.requests[-1]
    assert {name.lower(): value for name, value in headers.items()}["authorization"] == f"Bearer {SECRET}"
    assert (body["model"], body["temperature"], body["seed"]) == ("big-1", 0, 0)
    names = [tool["function"]["name"] for tool in body["tools"]]
    assert names == list(load_catalog(AGENT.path("catalog.json")).names)
    shapes = {(m["role"], *sorted(m)) for _, each in server.requests for m in each["messages"]}
    assert ("tool", "content", "role", "tool_call_id") in shapes
    assert {keys for _, *keys_list in shapes for keys in keys_list} <= {"role", "content", "tool_calls", "tool_call_id"}


def test_endpoint_key_is_written_nowhere(folder: Path) -> None:
    assert not [path for path in folder.iterdir() if SECRET.encode() in path.read_bytes()]


def test_endpoint_same_history_is_asked_once(folder: Path, server: Server) -> None:
    answered = [json.dumps(body["messages"]) for _, body in server.requests[3:]]
    assert len(answered) - len(set(answered)) <= 3  # those that met a fault came again


def test_endpoint_time_out_is_tried_again() -> None:
    server = says(content="Hello!")
    server.faults = [Fault(hang=True)]  # for an hour: without a time-out of its own the request would hang as long
    assert turn(server, timeout_s=3).text == "Hello!"


@pytest.mark.parametrize("fault", [Fault(status=429), Fault(status=503), Fault(cut=True)])
def test_endpoint_that_stays_away_ends_the_evaluation_and_says_what_to_do(fault: Fault) -> None:
    server = says(content="never")
    server.faults = [fault] * 2
    with pytest.raises(EndpointError, match="after 1 retries: run again, finished evaluations are kept") as raised:
        turn(server, retries=1)
    assert str(raised.value).startswith("big: http://127.0.0.1")
    assert len(server.requests) == 2


def test_endpoint_that_is_only_slow_names_its_setting() -> None:
    server = says(content="never")
    server.faults = [Fault(hang=True)]
    limit = r"no answer within 0\.2 s: raise evaluation\.endpoints\.big\.timeout_s"
    with pytest.raises(EndpointError, match=limit):
        turn(server, timeout_s=0.2, retries=0)


def test_endpoint_that_refuses_the_key_is_not_asked_again_and_the_variable_is_named() -> None:
    server = says(content="never")
    server.faults = [Fault(status=401)]
    with pytest.raises(EndpointError, match=rf"fix the key in \${KEY}") as raised:
        turn(server)
    assert len(server.requests) == 1
    assert SECRET not in str(raised.value)


def test_endpoint_that_does_not_know_the_model_names_the_setting() -> None:
    server = says(content="never")
    server.faults = [Fault(status=404)]
    with pytest.raises(EndpointError, match=r"fix evaluation\.endpoints\.big in the agent file"):
        turn(server)


def test_endpoint_without_a_key_names_the_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(KEY)
    with pytest.raises(EndpointError, match=f"set the environment variable {KEY}"):
        turn(says(content="never"))


def test_endpoint_history_that_is_too_long_loses_the_task_and_stops_nothing() -> None:
    server = says(content="never")
    server.faults = [Fault(status=400, code="context_length_exceeded")]
    assert turn(server).malformed


@pytest.mark.parametrize(
    "message",
    [
        {"content": None, "tool_calls": called("search", '{"query": "Ka')},
        {"content": None, "tool_calls": called("search", '["Karin"]')},
        {"content": None, "tool_calls": called("", "{}")},
        {"content": 'Yes. <tool_call>{"name": "search", "arg'},
    ],
)
def test_endpoint_call_that_no_agent_could_make_is_an_unreadable_turn(message: Message) -> None:
    read = turn(says(**message))
    assert read.malformed
    assert read.calls == ()


@pytest.mark.parametrize("reason", ["length", "malformed_tool_call", "unknown_tool", "tool_choice"])
def test_endpoint_answer_that_ends_in_a_fault_is_an_unreadable_turn(reason: str) -> None:
    server = says(content="Half of an ans")
    server.finish_reason = reason
    assert turn(server).malformed


def test_endpoint_good_call_beside_a_bad_one_makes_the_turn_unreadable() -> None:
    both = [*called("search", '{"query": "Karin"}'), *called("search", "{")]
    assert turn(says(content=None, tool_calls=both)).calls == ()


def test_endpoint_call_is_taken_as_it_was_sent() -> None:
    read = turn(says(content="I look.", tool_calls=called("search", '{"limit": 3.0,  "query": "Z\\u00fc"}')))
    assert read.text == "I look."
    assert [(call.name, call.arguments_json) for call in read.calls] == [
        ("search", '{"limit": 3.0,  "query": "Z\\u00fc"}')
    ]


def test_endpoint_request_setting_replaces_and_leaves_out() -> None:
    server = says(content="Hello!")
    turn(server, request={"max_tokens": None, "max_completion_tokens": 7, "temperature": None})
    (_, body) = server.requests[0]
    assert body["max_completion_tokens"] == 7
    assert not {"max_tokens", "temperature"} & body.keys()


def test_settings_endpoint_with_the_name_of_another_model_is_refused() -> None:
    with pytest.raises(ValidationError, match="candidate is a reserved name"):
        EvaluationSettings(endpoints={"candidate": EndpointSettings(base_url="https://x.example/v1", model="m")})


def test_endpoint_identity_leaves_prices_and_pauses_out() -> None:
    plain = EndpointSettings(base_url="https://x.example/v1", model="m")
    other = plain.model_copy(update={"price_per_million_prompt_tokens": 3.0, "retries": 9, "key_from": None})
    assert other.identity == plain.identity
    assert plain.model_copy(update={"model": "n"}).identity != plain.identity


def test_repeats_of_an_endpoint_ask_for_other_seeds_at_the_temperature(monkeypatch: pytest.MonkeyPatch) -> None:
    """A parameter that the agent file omits stays omitted."""
    monkeypatch.setenv(KEY, SECRET)
    server = says(content="Hello.")
    with asking(server) as model:
        prompt = model.prompt(ASKED)
        for repeat in (0, 3):
            model.sampled(Sampling(temperature=0.7, repeat=repeat)).generate([prompt])
        model.generate([prompt])
    sent = [(body["temperature"], body["seed"]) for _, body in server.requests]
    assert sent == [(0.7, 0), (0.7, 3), (0, 0)]
    other = says(content="Hello.")
    with asking(other, request={"seed": None}) as model:
        model.sampled(Sampling(temperature=0.7, repeat=3)).generate([model.prompt(ASKED)])
    assert "seed" not in other.requests[0][1]
