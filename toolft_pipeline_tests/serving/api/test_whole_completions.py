"""Chat completions that are answered whole."""

from __future__ import annotations

import json

from toolft_pipeline_tests.serving.api.client_side import TOOLS, call, chat
from toolft_pipeline_tests.serving.api.running import Running


def test_answer_arrives_with_usage_and_ids(server: Running) -> None:
    server.engine.text = "We open at nine."
    answer = chat(server, content="Hours?")
    assert answer.choices[0].message.content == "We open at nine."
    assert answer.choices[0].finish_reason == "stop"
    assert answer.model == "tests/2026-10-07"
    assert answer.usage.prompt_tokens == len(server.engine.asked[0].ids)
    assert answer.usage.completion_tokens == 1


def test_call_is_structured_and_its_id_is_logged(server: Running) -> None:
    server.engine.text = call("search", {"query": "Ada"})
    answer = chat(server, content="Find Ada.", tools=TOOLS)
    (made,) = answer.choices[0].message.tool_calls
    assert (made.function.name, json.loads(made.function.arguments)) == ("search", {"query": "Ada"})
    assert answer.choices[0].message.content is None
    assert answer.choices[0].finish_reason == "tool_calls"
    assert server.seen.of(answer.id).call_ids == (made.id,)


def test_text_beside_a_call_is_handed_on(server: Running) -> None:
    server.engine.text = "I look.\n" + call("search", {"query": "Ada"})
    message = chat(server, tools=TOOLS).choices[0].message
    assert (message.content, len(message.tool_calls)) == ("I look.", 1)


def test_arguments_are_never_cast(server: Running) -> None:
    server.engine.text = call("search", {"query": 87})
    answer = chat(server, tools=TOOLS)
    assert json.loads(answer.choices[0].message.tool_calls[0].function.arguments) == {"query": 87}
    (reason,) = answer.model_extra["toolft"]["invalid_arguments"]
    assert reason.startswith("search: arguments.query")
    assert "87" not in reason


def test_half_a_surrogate_pair_in_arguments_is_handed_on(server: Running) -> None:
    server.engine.text = '<tool_call>\n{"name": "search", "arguments": {"query": "\\ud83d"}}\n</tool_call>'
    (made,) = chat(server, tools=TOOLS).choices[0].message.tool_calls
    assert made.function.arguments == '{"query": "\\ud83d"}'


def test_answer_names_version_arm_and_conversation(server: Running) -> None:
    answer = server.post(server.ask(), headers={"X-Conversation-Id": "abc-1"})
    assert answer.headers["X-Conversation-Id"] == "abc-1"
    assert answer.headers["X-Request-Id"] == server.seen.of(answer.json()["id"]).request.request_id
    told = answer.json()["toolft"]
    assert (told["conversation_id"], told["model_version"], told["arm"]) == ("abc-1", "2026-10-07", "champion")
    assert (told["fallback"], told["fault"]) == (None, None)
    assert told["model_digest"] == "sha256:" + "ab" * 32


def test_metadata_names_the_conversation(server: Running) -> None:
    answer = server.post(server.ask(metadata={"conversation_id": "abc-2"}))
    assert answer.headers["X-Conversation-Id"] == "abc-2"


def test_metadata_reaches_the_log(server: Running) -> None:
    answer = chat(server, metadata={"task_id": "t-1", "conversation_id": "abc-3"})
    assert server.seen.of(answer.id).request.metadata == {"task_id": "t-1", "conversation_id": "abc-3"}


def test_history_is_remembered_before_the_answer_is_sent(server: Running) -> None:
    server.ids.remembered.clear()
    chat(server)
    assert [turn.raw_text for turn in server.ids.remembered] == ["Hello!"]


def test_defaults_are_greedy(server: Running) -> None:
    chat(server)
    (asked,) = server.engine.asked
    assert (asked.temperature, asked.top_p, asked.seed, asked.grammar) == (0.0, 1.0, None, None)
    assert asked.max_new_tokens == 1024


def test_sampling_reaches_the_engine(server: Running) -> None:
    chat(server, temperature=0.7, top_p=0.9, seed=11, max_completion_tokens=12)
    (asked,) = server.engine.asked
    assert (asked.temperature, asked.top_p, asked.seed, asked.max_new_tokens) == (0.7, 0.9, 11, 12)


def test_answer_is_limited_to_the_room_in_the_context(server: Running) -> None:
    chat(server)
    n_prompt = len(server.engine.asked[0].ids)
    server.engine.max_context = n_prompt + 5
    chat(server)
    assert server.engine.asked[1].max_new_tokens == 5
    server.engine.max_context = n_prompt
    answer = server.post(server.ask())
    assert answer.status_code == 400
    error = answer.json()["error"]
    assert (error["code"], error["type"]) == ("context_length_exceeded", "invalid_request_error")
    assert f"maximum context length is {n_prompt} tokens" in error["message"]
    assert f"{n_prompt} tokens, which leaves no room" in error["message"]
