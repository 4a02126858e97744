"""The check of prompts on real agents and proxies over real sockets: ours, plain LangGraph, a proxy with a fault."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from toolft_pipeline.agent import McpServer, ModelServer, open_agent, training_text
from toolft_pipeline.agent.check.check_prompts import AgentCheck, check_requests
from toolft_pipeline.agent.check.proxy import play_through
from toolft_pipeline.agent.check.scripted_server import scripted_server
from toolft_pipeline.chat.formats import get_format
from toolft_pipeline.chat.rendering.serving import saved_tokenizer
from toolft_pipeline.evaluation.models.prompting import ServedPrompter
from toolft_pipeline.settings import CatalogMode

Bodies = list[dict[str, Any]]


@pytest.fixture(scope="module")
def prompter(gemma_tokenizer_folder: Path) -> ServedPrompter:
    tokenizer = saved_tokenizer(str(gemma_tokenizer_folder), "gemma3", CatalogMode.NONE)
    return ServedPrompter(tokenizer=tokenizer, chat_format=get_format("gemma3"), system_prompt="keep", tools=[])


def recorded(act: Callable[[str], Awaitable[None]]) -> Bodies:
    """What an agent sends when it is pointed at the scripted model and its tools."""

    async def work() -> Bodies:
        async with scripted_server() as (model, address):
            await act(address)
            return model.bodies

    return asyncio.run(work())


def checked(bodies: Bodies, prompter: ServedPrompter, *, system: str | None = None) -> AgentCheck:
    return check_requests(bodies, prompter=prompter, system=system, policy="keep")


def names(check: AgentCheck) -> set[str]:
    return {each.name for request in check.requests for each in request.differences} | {
        each.name for each in check.general
    }


async def our_agent(address: str) -> None:
    async with open_agent(ModelServer(url=f"{address}/v1"), McpServer(url=f"{address}/mcp")) as agent:
        await agent.run("Check my prompts.", "Thank you.")


async def langgraph(address: str, *interceptors: Any) -> None:
    """LangGraph as its documentation shows it."""
    from langchain.agents import create_agent
    from langchain_mcp_adapters.client import MultiServerMCPClient
    from langchain_mcp_adapters.tools import load_mcp_tools
    from langchain_openai import ChatOpenAI

    connections: dict[str, Any] = {"check": {"transport": "streamable_http", "url": f"{address}/mcp"}}
    async with MultiServerMCPClient(connections).session("check") as session:
        tools = await load_mcp_tools(session, tool_interceptors=list(interceptors))
        graph: Any = create_agent(ChatOpenAI(base_url=f"{address}/v1", api_key="none", model="any"), tools)
        await graph.ainvoke({"messages": [("user", "Check my prompts.")]})


@asynccontextmanager
async def proxy(upstream: str, change: Callable[[dict[str, Any]], None]) -> AsyncIterator[str]:
    """A proxy over a real socket that changes every body."""

    async def forward(request: Request) -> Response:
        body = await request.json()
        change(body)
        async with httpx.AsyncClient() as client:
            answer = await client.post(f"{upstream}/v1/chat/completions", json=body)
        return Response(answer.content, answer.status_code, media_type="application/json")

    app = Starlette(routes=[Route("/v1/chat/completions", forward, methods=["POST"])])
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_level="error"))
    running = asyncio.create_task(server.serve())
    while not server.started:
        await asyncio.sleep(0.01)
    port = server.servers[0].sockets[0].getsockname()[1]
    try:
        yield f"http://127.0.0.1:{port}/v1"
    finally:
        server.should_exit = True
        await running


def through_proxy(change: Callable[[dict[str, Any]], None]) -> Bodies:
    async def act(address: str) -> None:
        async with proxy(address, change) as url:
            await play_through(url, model="scripted", key="none", system=None)

    return recorded(act)


@pytest.fixture(scope="module")
def honest() -> Bodies:
    """The requests of a proxy that changes nothing."""
    return through_proxy(lambda _body: None)


def test_our_loop_sends_the_prompts_of_training(prompter: ServedPrompter) -> None:
    check = checked(recorded(our_agent), prompter)
    assert check.agrees, check
    assert len(check.requests) == 7
    assert all(request.n_sent == request.n_expected > 0 for request in check.requests)


def test_plain_langgraph_lacks_the_prefix_and_loses_arguments(prompter: ServedPrompter) -> None:
    check = checked(recorded(langgraph), prompter)
    assert names(check) == {
        'prefix "Error: " missing',
        "parts of a result joined without a newline",
        "result lost",
        "arguments changed on the way to the tool",
    }
    assert not check.agrees
    assert check.requests[0].first_difference is None, "before any result the prompts are equal"


def test_langgraph_with_our_interceptor_loses_arguments_alone(prompter: ServedPrompter) -> None:
    check = checked(recorded(lambda address: langgraph(address, training_text)), prompter)
    assert names(check) == {"arguments changed on the way to the tool"}


def test_a_proxy_that_drops_text_beside_calls_is_named(prompter: ServedPrompter, honest: Bodies) -> None:
    def drop(body: dict[str, Any]) -> None:
        for message in body["messages"]:
            if message.get("tool_calls"):
                message["content"] = None

    check = checked(through_proxy(drop), prompter)
    (request,) = [each for each in check.requests if each.differences]
    assert [each.name for each in request.differences] == ["text beside a call dropped"]
    assert request.turn == 2, "the first request with a call in its history"
    assert [each.first_difference is None for each in check.requests] == [True, *[False] * 6]
    assert checked(honest, prompter).agrees


def arguments(message: dict[str, Any], value: Any) -> None:
    message["tool_calls"][0]["function"]["arguments"] = value


def sorted_arguments(message: dict[str, Any]) -> None:
    given = json.loads(message["tool_calls"][0]["function"]["arguments"])
    arguments(message, json.dumps(given, sort_keys=True))


def rounded_arguments(message: dict[str, Any]) -> None:
    text = message["tool_calls"][0]["function"]["arguments"]
    arguments(message, text.replace("9007199254740993", "9007199254740992"))


CHANGES: dict[str, tuple[int, Callable[[dict[str, Any]], None]]] = {
    "arguments in another key order": (1, sorted_arguments),
    "arguments changed": (1, rounded_arguments),
    "tool renamed": (1, lambda message: message["tool_calls"][0]["function"].update(name="check_check_echo")),
    "calls lost": (3, lambda message: message["tool_calls"].pop()),
    "the assistant's text changed": (1, lambda message: message.update(content="Let me see.")),
    "result wrapped in JSON": (8, lambda message: message.update(content=json.dumps({"result": message["content"]}))),
    'prefix "Error: " missing': (8, lambda message: message.update(content="the disk is full")),
    "result cut": (2, lambda message: message.update(content=message["content"][:20] + "...")),
    "empty result replaced": (10, lambda message: message.update(content="(no output)")),
    "result with other escapes or spaces": (
        2,
        lambda message: message.update(content=json.dumps(json.loads(message["content"]))),
    ),
    "result lost": (12, lambda message: message.update(content="")),
    "result changed": (5, lambda message: message.update(content="three")),
    "the user's text changed": (0, lambda message: message.update(content="Today is Monday. Check my prompts.")),
}
"""A fault by its name: the place of a message in the last history, and what becomes of it."""


@pytest.mark.parametrize("name", CHANGES)
def test_a_changed_message_is_named_once(name: str, prompter: ServedPrompter, honest: Bodies) -> None:
    place, change = CHANGES[name]
    bodies = json.loads(json.dumps(honest))
    first = next(number for number, body in enumerate(bodies) if len(body["messages"]) > place)
    for body in bodies[max(first, 1) :]:  # the user's own words are those of the first request
        change(body["messages"][place]) if len(body["messages"]) > place else None
    check = checked(bodies, prompter)
    assert [each.name for request in check.requests for each in request.differences] == [name]
    assert check.requests[-1].first_difference is not None
    assert not check.agrees


def test_what_the_template_does_not_show_is_no_difference(prompter: ServedPrompter, honest: Bodies) -> None:
    bodies = json.loads(json.dumps(honest))
    for body in bodies[1:]:
        body["messages"][1]["content"] += " "
    check = checked(bodies, prompter)
    assert check.agrees
    assert names(check) == set()


def test_a_truncated_history_is_named(prompter: ServedPrompter, honest: Bodies) -> None:
    bodies = json.loads(json.dumps(honest))
    bodies[-1]["messages"] = bodies[-1]["messages"][-1:]
    bodies[-2]["messages"] = bodies[-2]["messages"][:-4]
    assert "history truncated" in names(checked(bodies, prompter))


def test_system_prompt_tools_and_an_early_end_are_named(prompter: ServedPrompter, honest: Bodies) -> None:
    bodies = json.loads(json.dumps(honest))[:3]
    for body in bodies:
        body["messages"].insert(0, {"role": "system", "content": "Be brief."})
        body["tools"] = [
            {"type": "function", "function": {**tool["function"], "name": f"srv_{tool['function']['name']}"}}
            for tool in body["tools"]
        ]
    assert names(checked(bodies, prompter)) == {"system prompt changed", "tools renamed", "the agent stopped early"}
    assert names(checked(honest, prompter, system="Be brief.")) == {"system prompt changed"}
