"""The ReAct loop: LangGraph's `create_agent`, a model behind an OpenAI-compatible URL, tools over one MCP session.

Invariant: every prompt that the loop asks for is one that training knows: `middleware` says how.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from toolft_pipeline.agent.chat_model import ModelServer, chat_model
from toolft_pipeline.agent.extra import agent_extra
from toolft_pipeline.agent.mcp_server import McpServer, McpTools, open_tools
from toolft_pipeline.agent.middleware import ModelWatch, ToolWatch, middleware
from toolft_pipeline.agent.steps import AgentRun, FaultyTurnError, Step, StepLog, Times, ToolStep, TurnLimitError
from toolft_pipeline.sandbox.protocol import SandboxError

if TYPE_CHECKING:
    import httpx
    from langchain_core.language_models import BaseChatModel
    from langchain_core.tools import BaseTool
    from langgraph.graph.state import CompiledStateGraph

    AgentGraph = CompiledStateGraph[Any, Any, Any, Any]

CONVERSATION_HEADER = "X-Conversation-Id"
"""Our server's header for the client's own name of a conversation; other servers ignore it."""

MAX_TURNS = 24
"""Assistant turns of a task, as `evaluation.max_turns`."""


@dataclass(frozen=True, kw_only=True)
class LoopOptions:
    """How a task is run."""

    system_prompt: str | None = None
    max_turns: int = MAX_TURNS
    retries: int = 1
    """How often a faulty turn is asked again."""
    show_error: bool = True
    """Whether a retry shows the model what was wrong with its turn. Off asks the prompt of training once more, which
    gave twice as many right calls on a small model that never saw such an error (`docs/agent.md`). Either way the
    person sees the error in the step and in the log."""
    on_step: Callable[[Step], None] = lambda _step: None
    """Gets every step as it happens."""


@dataclass(frozen=True, kw_only=True)
class ServedAgent:
    """A model and its tools, ready for tasks."""

    model: ModelServer
    tools: McpTools
    options: LoopOptions
    client: httpx.AsyncClient | None = None

    def graph(self, log: StepLog | None = None, *, conversation_id: str | None = None) -> AgentGraph:
        """The loop as a graph of LangGraph, for `ainvoke` and everything else that takes one."""
        log, options = log or StepLog(on_step=self.options.on_step), self.options
        named = {} if conversation_id is None else {CONVERSATION_HEADER: conversation_id}
        return make_graph(
            chat_model(replace(self.model, headers={**self.model.headers, **named}), client=self.client),
            self.tools.tools,
            model=ModelWatch(log, max_turns=options.max_turns, retries=options.retries, show_error=options.show_error),
            calls=ToolWatch(log, call=self.tools.call, names=[tool.name for tool in self.tools.tools]),
            system_prompt=options.system_prompt,
        )

    async def run(self, *user_turns: str, state_ref: str | None = None) -> AgentRun:
        """Do one task: each text of the user is answered before the next one is said.

        With a `state_ref` the backend is reset to that state first. A turn that stays faulty, the turn limit and a
        backend that fails end the task with a `failure`; errors of the model's server are raised as they are.
        """
        if state_ref is not None:
            await self.tools.reset(state_ref)
        before = await self.tools.snapshot()
        log, conversation_id = StepLog(on_step=self.options.on_step), uuid.uuid4().hex
        graph, messages = self.graph(log, conversation_id=conversation_id), list[Any]()
        answer, failure, started = None, None, time.perf_counter()
        try:
            for text in user_turns:
                messages = (await graph.ainvoke({"messages": [*messages, ("user", text)]}))["messages"]
                answer = str(messages[-1].text)
        except (FaultyTurnError, TurnLimitError, SandboxError) as error:
            answer, failure = None, str(error)
        total_ms = 1000 * (time.perf_counter() - started)
        return AgentRun(
            conversation_id=conversation_id,
            answer=answer,
            steps=tuple(log.steps),
            times=Times(
                total_ms=total_ms,
                model_ms=sum(step.ms for step in log.turns),
                tools_ms=sum(step.ms for step in log.steps if isinstance(step, ToolStep)),
            ),
            failure=failure,
            state_before=before,
            state_after=await self._state_after(failure),
        )

    async def _state_after(self, failure: str | None) -> str | None:
        try:
            return await self.tools.snapshot()
        except SandboxError:
            if failure is None:
                raise
            return None


def make_graph(
    chat: BaseChatModel,
    tools: Sequence[BaseTool],
    *,
    model: ModelWatch,
    calls: ToolWatch,
    system_prompt: str | None = None,
) -> AgentGraph:
    """LangGraph's loop with the two hooks."""
    with agent_extra():
        from langchain.agents import create_agent
    graph: AgentGraph = create_agent(
        chat, list(tools), system_prompt=system_prompt, middleware=middleware(model, calls)
    )
    return graph


@asynccontextmanager
async def open_agent(
    model: ModelServer, tools: McpServer, options: LoopOptions | None = None
) -> AsyncIterator[ServedAgent]:
    """An agent over one MCP session, open for the block. Raises `SandboxError` if the server does not start."""
    async with open_tools(tools) as opened:
        yield ServedAgent(model=model, tools=opened, options=options or LoopOptions())
