"""The two hooks that make LangGraph's loop the loop of the rollouts: around the model, and around every tool.

Invariant: whatever happens, the history that the next prompt is made of is one that training knows. A faulty turn and
the retry's message leave no trace in it; a failed or unknown call is the tool message that a rollout writes. Arguments
go to the backend as the model wrote them: LangChain's own tool loses arguments named `config`, `runtime` and
`run_manager`.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Collection
from typing import TYPE_CHECKING, Any

from toolft_pipeline.agent.chat_model import TOOL_CALL_ERROR
from toolft_pipeline.agent.extra import agent_extra
from toolft_pipeline.agent.result_text import tool_message, unknown_tool
from toolft_pipeline.agent.steps import Fault, FaultyTurnError, ModelStep, StepLog, ToolStep, TurnLimitError
from toolft_pipeline.evaluation.models.endpoint import CALL_MARK
from toolft_pipeline.sandbox.protocol import ToolResult

if TYPE_CHECKING:
    from langchain.agents.middleware import AgentMiddleware, ModelRequest, ModelResponse, ToolCallRequest
    from langchain_core.messages import AIMessage, ToolMessage

_LOG = logging.getLogger(__name__)

CallTool = Callable[[str, dict[str, Any]], Awaitable[ToolResult]]
"""Makes one call: name and arguments to the result."""

FAULTS = frozenset({"length", "malformed_tool_call", "unknown_tool", "tool_choice"})
"""Finish reasons of a turn that no agent may act on."""

RETRY_TEMPERATURE = 0.7
"""Of a retry: the same prompt at temperature 0 would give the same turn again."""


def turn_fault(message: AIMessage) -> Fault | None:
    """Why an answer cannot be acted on; None for a sound one.

    Our server says it by finish_reason. Other servers hand on a call whose arguments are not JSON, or leave a call
    that they cannot parse in the text: without this check both end LangGraph's loop as if they were the answer.
    """
    reason = str(message.response_metadata.get("finish_reason") or "")
    reported = message.additional_kwargs.get(TOOL_CALL_ERROR)
    if reason in FAULTS:
        reported = reported if isinstance(reported, dict) else {}
        detail = str(reported.get("detail") or ("the token limit was reached" if reason == "length" else reason))
        return Fault(kind=reason, detail=detail, text=str(reported.get("text") or message.text))
    if message.invalid_tool_calls:
        call = message.invalid_tool_calls[0]
        detail = f"the arguments of {call['name']} are not JSON"
        return Fault(kind="malformed_tool_call", detail=detail, text=str(call["args"]))
    if CALL_MARK in message.text:
        return Fault(kind="malformed_tool_call", detail="a call was left in the text", text=str(message.text))
    return None


class ModelWatch:
    """What happens around one call of the model: the turn limit, the log, and the retries of a faulty turn."""

    def __init__(
        self,
        log: StepLog,
        *,
        max_turns: int,
        retries: int = 0,
        show_error: bool = True,
        before: Callable[[list[Any]], None] = lambda _messages: None,
    ) -> None:
        """`before` gets the history before each turn is asked for, and may end the loop by an error."""
        self._log = log
        self._before = before
        self._max_turns = max_turns
        self._retries = retries
        self._show_error = show_error

    async def ask(
        self, request: ModelRequest[Any], handler: Callable[[ModelRequest[Any]], Awaitable[ModelResponse[Any]]]
    ) -> ModelResponse[Any]:
        """One assistant turn. Raises `FaultyTurnError` if it stays faulty, `TurnLimitError` at the limit."""
        self._before(request.messages)
        if sum(message.type == "ai" for message in request.messages) >= self._max_turns:
            raise TurnLimitError(
                f"the task took {self._max_turns} assistant turns, the limit; raise it if it needs more"
            )
        asked = request
        for left in range(self._retries, -1, -1):
            started = time.perf_counter()
            response = await handler(asked)
            message: AIMessage = response.result[0]  # type: ignore[assignment]  # a model's response starts with it
            fault = turn_fault(message)
            self._log.add(
                _model_step(
                    message, ms=1000 * (time.perf_counter() - started), fault=fault, retried=bool(fault and left)
                )
            )
            if fault is None:
                return response
            if not left:
                raise FaultyTurnError(fault)
            _LOG.warning("faulty turn (%s: %s), asked again", fault.kind, fault.detail)
            asked = self._again(request, fault)
        raise AssertionError("unreachable: the last attempt returns or raises")

    def _again(self, request: ModelRequest[Any], fault: Fault) -> ModelRequest[Any]:
        """The request once more: the history that the turn was asked with, and the error if it is shown.

        The retry changes this one request. The history that the loop keeps has neither the turn nor the error.
        """
        from langchain_core.messages import HumanMessage

        shown = [HumanMessage(f"Error: {fault.detail}")] if self._show_error else []
        settings = {**request.model_settings, "temperature": RETRY_TEMPERATURE}
        return request.override(messages=[*request.messages, *shown], model_settings=settings)


class ToolWatch:
    """Makes the calls of a turn, one after another in the turn's order, as rollouts and replays do."""

    def __init__(self, log: StepLog, *, call: CallTool, names: Collection[str]) -> None:
        self._log = log
        self._call = call
        self._names = frozenset(names)
        self._one_at_a_time = asyncio.Lock()

    async def call(self, request: ToolCallRequest, _handler: object) -> ToolMessage:
        """Make one call through the session, or refuse it if any call of its turn is of an unknown tool."""
        name, arguments = request.tool_call["name"], request.tool_call["args"]
        async with self._one_at_a_time:  # LangGraph starts the calls of a turn together, in order; the lock is fair
            started = time.perf_counter()
            unknown = next((each for each in self._called_in_turn(request) if each not in self._names), None)
            result = await self._call(name, arguments) if unknown is None else unknown_tool(unknown)
            ms = 1000 * (time.perf_counter() - started)
        self._log.add(ToolStep(name=name, arguments=arguments, result=result.text, is_error=result.is_error, ms=ms))
        return tool_message(result, name=name, call_id=request.tool_call["id"] or "")

    def _called_in_turn(self, request: ToolCallRequest) -> list[str]:
        """Names of all calls of the turn that this call belongs to."""
        from langchain_core.messages import AIMessage

        turns = [message for message in request.state["messages"] if isinstance(message, AIMessage)]
        return [call["name"] for call in turns[-1].tool_calls] if turns else [request.tool_call["name"]]


def middleware(model: ModelWatch, tools: ToolWatch) -> list[AgentMiddleware[Any, Any]]:
    """Both as middleware of `create_agent`."""
    with agent_extra():
        from langchain.agents.middleware import AgentMiddleware

    class TrainedLoop(AgentMiddleware[Any, Any]):
        """The hooks of LangChain, handed on."""

        async def awrap_model_call(self, request: Any, handler: Any) -> Any:
            return await model.ask(request, handler)

        async def awrap_tool_call(self, request: Any, handler: Any) -> Any:
            return await tools.call(request, handler)

    return [TrainedLoop()]


def _model_step(message: AIMessage, *, ms: float, fault: Fault | None, retried: bool) -> ModelStep:
    usage = message.usage_metadata
    return ModelStep(
        text=str(message.text),
        calls=tuple((call["name"], call["args"]) for call in message.tool_calls),
        prompt_tokens=usage["input_tokens"] if usage else 0,
        completion_tokens=usage["output_tokens"] if usage else 0,
        ms=ms,
        fault=fault,
        retried=retried,
        completion_id=str(message.response_metadata.get("id") or ""),
    )
