"""Rollouts through LangGraph's loop, ChatOpenAI and our server, judged by the same judge.

Invariant: the calls are made, the turns recorded and the end decided by the functions of `scoring.rollout`, as in
`run_rollouts`; only the loop is the served agent's. A turn that the served agent would ask again fails the task here,
as everywhere in evaluation: a retry is a net, and nets are not counted.
"""

from __future__ import annotations

import asyncio
import json
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from toolft_pipeline.agent.chat_model import ModelServer, chat_model
from toolft_pipeline.agent.extra import agent_extra
from toolft_pipeline.agent.loop import make_graph
from toolft_pipeline.agent.mcp_server import ungrouped
from toolft_pipeline.agent.middleware import ModelWatch, ToolWatch
from toolft_pipeline.agent.rollouts.door import MODEL, URL, Door
from toolft_pipeline.agent.rollouts.lockstep_engine import LockstepEngine
from toolft_pipeline.agent.steps import FaultyTurnError, ModelStep, Step, StepLog
from toolft_pipeline.catalog.validator import CatalogValidator
from toolft_pipeline.chat.rendering.parsing import ParsedCall, ParsedTurn
from toolft_pipeline.evaluation.judge.task import Task
from toolft_pipeline.evaluation.judge.transcript import StopReason, Transcript
from toolft_pipeline.evaluation.models.endpoint import TOO_LONG
from toolft_pipeline.evaluation.models.generation import Generator
from toolft_pipeline.evaluation.models.prompting import Prompter, ServedPrompter
from toolft_pipeline.evaluation.scoring.rollout import (
    Rollout,
    RolloutLimits,
    RolloutRules,
    advance_rollout,
    end_rollout,
    execute_calls,
    first_messages,
    give_back,
    start_rollout,
    transcript_of,
)
from toolft_pipeline.evaluation.scoring.rollouts import run_rollouts
from toolft_pipeline.sandbox.protocol import ToolResult
from toolft_pipeline.sandbox.session_pool import SessionPool

if TYPE_CHECKING:
    import httpx
    from langchain_core.tools import BaseTool

_MOST_TURNS = 10**6
"""The rollout's own limits end it."""


def langgraph_rollouts(
    tasks: Sequence[Task],
    *,
    prompter: Prompter,
    generator: Generator,
    sessions: SessionPool,
    validator: CatalogValidator,
    limits: RolloutLimits,
    progress: Callable[[str], None] = lambda _line: None,
) -> list[Transcript]:
    """One rollout a task, in order; a `RolloutClient`. Only a tuned model is served: others take `run_rollouts`."""
    if not isinstance(prompter, ServedPrompter):
        return run_rollouts(
            tasks, prompter=prompter, generator=generator, sessions=sessions, validator=validator, limits=limits,
            progress=progress,
        )  # fmt: skip
    rules = RolloutRules(sessions=sessions, validator=validator, limits=limits)
    engine = LockstepEngine(generator, max_prompt_tokens=limits.max_prompt_tokens)
    door = Door(prompter=prompter, validator=validator, engine=engine)
    rollouts = [Rollout(task=task, messages=first_messages(task)) for task in tasks]
    try:
        asyncio.run(_run_all(rollouts, door=door, tools=_tools(prompter), rules=rules, progress=progress))
    finally:
        for rollout in rollouts:  # none, unless an error ended them all; now no thread uses a session any more
            give_back(rollout, rules)
    return [transcript_of(rollout) for rollout in rollouts]


async def _run_all(
    rollouts: Sequence[Rollout],
    *,
    door: Door,
    tools: Sequence[BaseTool],
    rules: RolloutRules,
    progress: Callable[[str], None],
) -> None:
    """As many rollouts at a time as there are sessions."""
    waiting, running = deque(rollouts), min(len(rollouts), rules.sessions.size)

    async def work(client: httpx.AsyncClient) -> None:
        nonlocal running
        while waiting:
            rollout = waiting.popleft()
            await _LoopRollout(rollout, door=door, rules=rules).run(client, tools)
            if not waiting:
                running -= 1
                door.engine.expect(running)
            progress(f"rollouts: {sum(each.stop is not None for each in rollouts)} of {len(rollouts)} ended")

    async with ungrouped(), door.open() as client, asyncio.TaskGroup() as group:
        door.engine.expect(running)
        for _ in range(running):
            group.create_task(work(client))


class _LoopEndedError(Exception):
    """Ends LangGraph's loop from within: the rollout has ended, or its next user turn has come."""

    def __init__(self, messages: list[Any]) -> None:
        self.messages = messages
        super().__init__("the rollout's rules end this loop")


class _LoopRollout:
    """One rollout whose loop is LangGraph's."""

    def __init__(self, rollout: Rollout, *, door: Door, rules: RolloutRules) -> None:
        self._rollout = rollout
        self._door = door
        self._rules = rules
        self._step: ModelStep | None = None
        self._turn = ParsedTurn(text="")
        self._results: Iterator[ToolResult] | None = None
        self._made: list[ToolResult] = []

    async def run(self, client: httpx.AsyncClient, tools: Sequence[BaseTool]) -> None:
        """From the reset to the last state. Raises `SandboxError` if the backend cannot restore the initial state."""
        with agent_extra():
            import openai

        rollout, log = self._rollout, StepLog(on_step=self._took_step)
        await asyncio.to_thread(start_rollout, rollout, self._rules)
        graph = make_graph(
            chat_model(ModelServer(url=URL, model=MODEL, max_retries=0), client=client),
            tools,
            model=ModelWatch(log, max_turns=_MOST_TURNS, before=self._between_turns),
            calls=ToolWatch(log, call=self._call, names=[tool.name for tool in tools]),
            system_prompt=rollout.task.system,
        )
        messages: list[Any] = []
        while rollout.stop is None:
            said = next(each for each in reversed(rollout.messages) if each["role"] == "user")["content"]
            try:
                messages = (await graph.ainvoke({"messages": [*messages, ("user", said)]}))["messages"]
                self._settle()
            except _LoopEndedError as ended:
                messages = ended.messages
            except FaultyTurnError:
                self._settle()
                rollout.stop = rollout.stop or StopReason.LOST
            except openai.APIStatusError as error:
                if error.code != TOO_LONG:
                    raise self._door.engine.raised or error from error
                rollout.stop = StopReason.LENGTH_LIMIT
        await asyncio.to_thread(end_rollout, rollout, self._rules)

    def _took_step(self, step: Step) -> None:
        """Remember the model's turn: what LangGraph makes of the message, or of a faulty one what our server read."""
        if not isinstance(step, ModelStep):
            return
        self._step, self._results, self._made = step, None, []
        if step.fault is not None:
            self._turn = self._door.turns[step.completion_id].turn
            return
        calls = [
            ParsedCall(name=name, arguments_json=json.dumps(given, ensure_ascii=False)) for name, given in step.calls
        ]
        self._turn = ParsedTurn(text=step.text, calls=tuple(calls))

    async def _call(self, _name: str, _arguments: dict[str, Any]) -> ToolResult:
        """The next result of the turn; its first call makes all of them, as in every rollout."""
        if self._results is None:
            self._made = await asyncio.to_thread(execute_calls, self._rollout, self._turn, self._rules.validator)
            self._results = iter(self._made)
        return next(self._results)

    def _between_turns(self, messages: list[Any]) -> None:
        """Before the loop asks for a turn: settle the one before it. Raises `_LoopEndedError` where the loop ends."""
        user_turn = self._rollout.user_turn
        if self._step is not None:
            self._settle()
        if self._rollout.stop is not None or self._rollout.user_turn != user_turn:
            raise _LoopEndedError(messages)

    def _settle(self) -> None:
        """Record the last turn with its results, and decide what comes next."""
        step, self._step = self._step, None
        assert step is not None, "a turn was taken"
        served = self._door.turns[step.completion_id]
        generation = self._door.engine.generations[served.prompt_ids]
        results = self._made
        if self._turn.calls and self._results is None:  # calls of unknown tools, which nobody made
            results = execute_calls(self._rollout, self._turn, self._rules.validator)
        advance_rollout(self._rollout, generation, self._turn, results, rules=self._rules)


def _tools(prompter: ServedPrompter) -> list[BaseTool]:
    """The catalog's tools for LangChain; the rollout makes their calls itself."""
    with agent_extra():
        from langchain_core.tools import StructuredTool

    async def unused(**_arguments: Any) -> str:
        raise AssertionError("the rollout's session makes the calls")

    functions = [tool["function"] for tool in prompter.tools]
    return [
        StructuredTool(
            name=each["name"], description=each["description"], args_schema=each["parameters"], coroutine=unused
        )
        for each in functions
    ]
