from __future__ import annotations

import json
from typing import Any

import pytest
from msgspec import structs

from toolft_pipeline.serving.run_log.conversation_ids import HistoryConversationIds
from toolft_pipeline_tests.serving.run_log.turns import result, served, two_turns, user


def anonymous(turn: Any, **changed: Any) -> Any:
    return structs.replace(turn.request, conversation_id=None, **changed)


def test_the_clients_own_id_is_kept() -> None:
    ids = HistoryConversationIds()
    assert ids.identify(served([user("hi")], conversation="mine").request) == "mine"


def test_a_request_without_a_known_answer_is_a_new_conversation() -> None:
    ids = HistoryConversationIds()
    request = anonymous(served([user("hi")]))
    assert ids.identify(request) != ids.identify(request)


@pytest.mark.parametrize(
    "rewritten",
    [
        {"role": "assistant", "tool_calls": [{"id": "other", "function": {"name": "calculate"}}]},
        {
            "role": "assistant",
            "content": "",
            "refusal": None,
            "tool_calls": [{"id": "other", "type": "function", "index": 0, "function": {"name": "calculate"}}],
        },
        {"role": "assistant", "content": [], "tool_calls": [{"id": "x", "function": {"name": "calculate"}}]},
    ],
)
@pytest.mark.parametrize("arguments", ['{"b":2,"expression":"1","none":null}', '{ "expression" : "1", "b": 2.0 }'])
def test_a_rewritten_history_is_recognized(rewritten: dict[str, Any], arguments: str) -> None:
    ids = HistoryConversationIds()
    turn = served([user("calculate")], call={"expression": "1", "b": 2}, conversation="first")
    ids.remember(turn)
    message = json.loads(json.dumps(rewritten))
    message["tool_calls"][0]["function"]["arguments"] = arguments
    request = anonymous(turn, messages=[{"role": "user", "content": [{"type": "text", "text": "calculate"}]}, message])
    assert ids.identify(request) == "first"
    message["tool_calls"][0]["function"]["arguments"] = '{"expression":"2","b":2}'
    assert ids.identify(request) != "first"


def test_call_ids_tell_equal_histories_apart() -> None:
    ids = HistoryConversationIds()
    for name in ("one", "two"):
        ids.remember(served([user("go")], call={"expression": "1"}, conversation=name, call_id=f"call_{name}"))
    call = {"id": "call_two", "type": "function", "function": {"name": "calculate", "arguments": '{"expression":"1"}'}}
    history = [user("go"), {"role": "assistant", "content": None, "tool_calls": [call]}, result("1", id_="call_two")]
    assert ids.identify(anonymous(served(history))) == "two"


def test_equal_histories_continue_each_conversation_once() -> None:
    ids = HistoryConversationIds()
    request = anonymous(served([user("go"), {"role": "assistant", "content": "Which?"}, user("that")]))
    for name in ("one", "two"):
        ids.remember(served([user("go")], "Which?", conversation=name))
    assert [ids.identify(request) for _ in range(3)] == ["one", "two", "two"]
    ids.remember(served([user("go")], "Which?", conversation="three"))
    assert ids.identify(request) == "three"


def test_two_clients_never_share_a_conversation() -> None:
    ids = HistoryConversationIds()
    first, _ = two_turns(conversation="first", client="a")
    ids.remember(first)
    history = two_turns()[1].request.messages
    assert ids.identify(anonymous(first, messages=history)) == "first"
    assert ids.identify(anonymous(first, messages=history, client="b")) != "first"


def test_memory_is_bounded() -> None:
    ids = HistoryConversationIds(max_answers=10)
    for number in range(50):
        ids.remember(served([user(str(number))], "yes", conversation=f"talk-{number}"))
    known = [
        ids.identify(anonymous(served([user(str(number)), {"role": "assistant", "content": "yes"}])))
        for number in range(50)
    ]
    assert [name for name in known if name.startswith("talk-")] == [f"talk-{number}" for number in range(40, 50)]
