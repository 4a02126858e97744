"""Lines of logs about the weather in each line format: parts that a shape of `log_shapes` joins or breaks."""

from __future__ import annotations

import json
from typing import Any

TOOL = {
    "name": "get_weather",
    "description": "The weather of a city.",
    "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
}


TIME = {"name": "get_time", "description": "The time.", "parameters": {"type": "object", "properties": {}}}


CATALOG: list[Any] = [TOOL, TIME]


SUCCESS = {"outcome": {"status": "success"}}


BASH = {"name": "bash", "parameters": {"type": "object", "properties": {"keys": {"type": "string"}}}}


def ask(city: str = "Lyon") -> dict[str, Any]:
    return {"role": "user", "content": f"What is the weather in {city}?"}


def call(id_: str | int | None = "c1", city: str = "Lyon", **changed: Any) -> dict[str, Any]:
    function = {"name": "get_weather", "arguments": json.dumps({"city": city})}
    made = {**({} if id_ is None else {"id": id_}), "type": "function", "function": function}
    return {"role": "assistant", "content": None, "tool_calls": [made], **changed}


def result(id_: str | int | None = "c1", content: object = "21 degrees", **changed: Any) -> dict[str, Any]:
    return {"role": "tool", **({} if id_ is None else {"tool_call_id": id_}), "content": content, **changed}


SAYS: dict[str, Any] = {"role": "assistant", "content": "It is 21 degrees."}


RUN: list[dict[str, Any]] = [ask(), call(), result(), SAYS]


def run(*messages: dict[str, Any], **beside: Any) -> dict[str, Any]:
    return {"messages": list(messages), **SUCCESS, **beside}


def timed(arguments: object) -> dict[str, Any]:
    function = {"name": "get_time", **({} if arguments == "absent" else {"arguments": arguments})}
    calling = {"role": "assistant", "tool_calls": [{"id": "c1", "type": "function", "function": function}]}
    asked = {"role": "user", "content": f"What is the time? ({arguments})"}
    return run(asked, calling, result(content="12:40"), {"role": "assistant", "content": "It is 12:40."})


def anthropic(*results: Any, **beside: Any) -> dict[str, Any]:
    """An Anthropic run whose user turn with the results is given."""
    use = {"type": "tool_use", "id": "t1", "name": "get_weather", "input": {"city": "Lyon"}}
    turns = [ask(), {"role": "assistant", "content": [use]}, *results, SAYS]
    return {"system": "Be brief.", "messages": turns, **SUCCESS, **beside}


ANSWERED = {"type": "tool_result", "tool_use_id": "t1", "content": "21 degrees"}


LANGCHAIN = [
    {"type": "human", "content": "What is the weather in Lyon?"},
    {"type": "ai", "content": "", "tool_calls": [{"name": "get_weather", "args": {"city": "Lyon"}, "id": "c1"}]},
    {"type": "tool", "content": "21 degrees", "tool_call_id": "c1", "status": "success"},
    {"type": "ai", "content": "It is 21 degrees."},
]


CLASSES = {"human": "HumanMessage", "ai": "AIMessage", "tool": "ToolMessage"}


CONSTRUCTORS = [
    {"lc": 1, "type": "constructor", "id": ["langchain", "schema", CLASSES[str(one["type"])]], "kwargs": one}
    for one in LANGCHAIN
]


LANGCHAIN_TOOL = {**LANGCHAIN[2], "content": [{"type": "resource_link", "uri": "file:///r.csv"}]}


def atif(*results: dict[str, Any]) -> dict[str, Any]:
    made = {"tool_call_id": "k1", "function_name": "bash", "arguments": {"keys": "ls"}}
    steps = [
        {"source": "user", "message": "List files"},
        {"source": "agent", "message": "", "tool_calls": [made], "observation": {"results": list(results)}},
        {"source": "agent", "message": "There is a file a.txt."},
    ]
    agent = {"name": "x", "version": "1"}
    return {"schema_version": "ATIF-v1.5", "agent": agent, "steps": steps, "extra": {"toolft": SUCCESS}}


def dumped(row: object, **replaced: str) -> bytes:
    """A line with texts of its JSON replaced by what JSON does not allow."""
    text = json.dumps(row)
    for old, new in replaced.items():
        text = text.replace(f'"{old}"', new)
    return text.encode()


COMPLETION = {"id": "x", "choices": [{"index": 0, "finish_reason": "stop", "message": SAYS}]}


INVOCATION = {"state": "result", "toolCallId": "c1", "toolName": "get_weather", "args": {"city": "Lyon"}, "result": "x"}
