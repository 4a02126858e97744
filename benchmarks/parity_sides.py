"""Both sides of a parity measurement: evaluation's rollouts, and the agent behind the server's own code on a socket."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any

from toolft_pipeline.agent import AgentRun, LoopOptions, McpServer, ModelServer, ToolStep, open_agent
from toolft_pipeline.chat.rendering.parsing import ParsedCall
from toolft_pipeline.engines.engine import Engine
from toolft_pipeline.evaluation.judge.judge_rollout import judge_rollout
from toolft_pipeline.evaluation.judge.task import Task
from toolft_pipeline.evaluation.judge.transcript import AssistantTurn, ExecutedCall, StopReason, Transcript
from toolft_pipeline.evaluation.models.generation import Generation, Generator
from toolft_pipeline.evaluation.scoring.rollout import RolloutLimits
from toolft_pipeline.evaluation.scoring.rollouts import run_rollouts
from toolft_pipeline.evaluation.scoring.run_tasks import answer_rules
from toolft_pipeline.sandbox.live_session import LiveSession
from toolft_pipeline.sandbox.protocol import Sandbox
from toolft_pipeline.sandbox.session_pool import open_sessions
from toolft_pipeline.sandbox.state import state_digest
from toolft_pipeline.serving.api.app import make_app
from toolft_pipeline.serving.api.http_server import DrainingServer, base_url, listening_socket
from toolft_pipeline.serving.api.keys import ClientKeys
from toolft_pipeline.serving.chat_request import ChatRequest
from toolft_pipeline.serving.parts import Route
from toolft_pipeline.serving.served_model import ServedModel
from toolft_pipeline.serving.served_turn import ServedTurn
from toolft_pipeline.serving.turn_service import TurnService
from toolft_pipeline.settings import AgentSettings

_HANG_S = 600.0

Turn = tuple[str, tuple[tuple[str, str, str], ...]]
"""Text of a turn, and its calls: name, arguments, result."""


def rolled_out(
    tasks: Sequence[Task], *, settings: AgentSettings, model: ServedModel, generator: Generator
) -> list[Transcript]:
    """Evaluation's rollouts of the tasks."""
    evaluation, sandbox = settings.evaluation, settings.sandbox
    assert sandbox is not None, "the agent has a sandbox"
    size = sandbox.rollout_sessions(batch_size=evaluation.batch_size, n_tasks=len(tasks))
    with open_sessions(sandbox, cwd=settings.folder, size=size) as sessions:
        return run_rollouts(
            tasks,
            prompter=model.prompter,
            generator=generator,
            sessions=sessions,
            validator=model.validator,
            limits=RolloutLimits(
                max_turns=evaluation.max_turns, max_prompt_tokens=8192, extra_calls=evaluation.extra_calls
            ),
        )


async def served_runs(
    tasks: Sequence[Task],
    *,
    settings: AgentSettings,
    model: ServedModel,
    engine: Engine,
    n_agents: int,
    done: Callable[[Task, AgentRun], None] = lambda _task, _run: None,
) -> list[AgentRun]:
    """The tasks done by `n_agents` agents side by side, over one server; starts and closes the engine.

    `done` gets every task as it ends.
    """
    assert settings.sandbox is not None, "the agent has a sandbox"
    declared = McpServer.of_sandbox(settings.sandbox, cwd=settings.folder)
    tools = replace(declared, start_timeout_s=_HANG_S, call_timeout_s=_HANG_S)  # a busy machine is no failure here
    places = asyncio.Semaphore(n_agents)

    async def do(task: Task, url: str) -> AgentRun:
        server = ModelServer(
            url=url, model=model.agent, max_new_tokens=settings.evaluation.max_new_tokens, timeout_s=_HANG_S
        )
        loop = LoopOptions(system_prompt=task.system, max_turns=settings.evaluation.max_turns)
        async with places, open_agent(server, tools, loop) as agent:
            run = await agent.run(*task.user_turns, state_ref=task.state_ref)
        done(task, run)
        return run

    async with _server(model, engine, settings) as url:
        return await asyncio.gather(*(do(task, url) for task in tasks))


@dataclass(frozen=True, kw_only=True)
class _OneModel:
    """Routes every request to one model; a conversation is a request."""

    model: ServedModel
    engine: Engine

    @asynccontextmanager
    async def route(self, conversation_id: str) -> AsyncIterator[Route]:
        yield self.current()

    def current(self) -> Route:
        return Route(model=self.model, engine=self.engine)

    def identify(self, request: ChatRequest) -> str:
        return request.request_id

    def remember(self, turn: ServedTurn) -> None:
        """Nothing is remembered."""


@asynccontextmanager
async def _server(model: ServedModel, engine: Engine, settings: AgentSettings) -> AsyncIterator[str]:
    """The server's own application on a free port of the loopback."""
    await engine.start()
    one = _OneModel(model=model, engine=engine)
    turns = TurnService(router=one, ids=one)
    app = make_app(turns=turns, router=one, settings=settings.serving, keys=ClientKeys({}))
    with listening_socket("127.0.0.1", 0) as listening:
        server = DrainingServer(app, limits=settings.serving.limits)
        serving = asyncio.create_task(server.serve(sockets=[listening]))
        try:
            url = base_url(listening)
            yield url if url.endswith("/v1") else f"{url}/v1"
        finally:
            server.should_exit = True
            await serving
            turns.close()
            await engine.close()


def _turns(transcript: Transcript) -> list[Turn]:
    return [
        (turn.text, tuple((each.call.name, each.call.arguments_json, each.result) for each in turn.calls))
        for turn in transcript.turns
    ]


def transcript_of_run(task: Task, run: AgentRun, model: ServedModel, sandbox: Sandbox) -> Transcript:
    """What the served agent did, as a transcript that the judge reads; retried turns are left out.

    An agent does not see which calls only read, and the judge asks: they are made again in `sandbox` and watched.
    """
    only_read = _calls_that_only_read(task, run, model, sandbox)
    turns, user_turn = list[AssistantTurn](), 0
    for step in run.steps:
        if isinstance(step, ToolStep):
            text = json.dumps(step.arguments, ensure_ascii=False)
            made = ExecutedCall(
                call=ParsedCall(name=step.name, arguments_json=text),
                result=step.result,
                is_error=step.is_error,
                reason=model.validator.check(step.name, text),
                reads=next(only_read),
            )
            last = turns[-1]
            turns[-1] = AssistantTurn(
                user_turn=last.user_turn, generation=last.generation, text=last.text, calls=(*last.calls, made)
            )
        elif not step.retried:
            generation = Generation(
                text=step.text,
                n_prompt_tokens=step.prompt_tokens,
                n_new_tokens=step.completion_tokens,
                latency_ms=step.ms,
            )
            fault = () if step.fault is None else (step.fault.text,)
            turns.append(AssistantTurn(user_turn=user_turn, generation=generation, text=step.text, malformed=fault))
            user_turn += not step.calls
    stop = StopReason.ANSWERED if run.answer is not None else StopReason.LOST
    state = "" if run.state_after is None else state_digest(run.state_after)
    return Transcript(task_id=task.task_id, turns=tuple(turns), stop=stop, final_state=state)


def _calls_that_only_read(task: Task, run: AgentRun, model: ServedModel, sandbox: Sandbox) -> Iterator[bool]:
    """Of each call of a run: whether its tool is declared to read, or it succeeds here and changes nothing."""
    session = LiveSession(sandbox, task.state_ref)
    for step in run.steps:
        if isinstance(step, ToolStep):
            [again] = session.call_all([(step.name, dict(step.arguments))], watched=[0])
            yield model.validator.reads.get(step.name, not (again.changed or again.is_error))


def verdict(task: Task, transcript: Transcript, settings: AgentSettings, model: ServedModel) -> list[str]:
    rules = answer_rules(settings, model.validator)
    found = judge_rollout(task, transcript, extra_calls=settings.evaluation.extra_calls, answers=rules).findings
    return sorted({str(finding.failure) for finding in found})


def _is_faulty(turn: AssistantTurn, model: ServedModel) -> bool:
    """Whether the server reports a turn as no message to act on."""
    return bool(turn.malformed) or any(each.call.name not in model.validator.names for each in turn.calls)


def difference(
    task: Task, expected: Transcript, run: AgentRun, *, settings: AgentSettings, model: ServedModel, sandbox: Sandbox
) -> dict[str, Any] | None:
    """The first turn that differs, or another verdict; a rollout that was lost early is compared up to its end.

    `fault` is why the served agent asked again for its turn, whose text `served` then is as the model wrote it.
    """
    served = transcript_of_run(task, run, model, sandbox)
    wanted, found = _turns(expected), _turns(served)
    lost = expected.stop is StopReason.LOST
    verdicts = [verdict(task, each, settings, model) for each in (expected, served)]
    same_verdict = bool(verdicts[0]) == bool(verdicts[1]) if lost else verdicts[0] == verdicts[1]
    faulty, fault = len(wanted), None
    if lost and _is_faulty(expected.turns[-1], model):  # the server says so, and the agent asks again
        faulty -= 1
        same_verdict = len(run.turns) > faulty and run.turns[faulty].fault is not None
    if lost:
        found = found[: faulty if same_verdict else len(wanted)]
    if same_verdict:
        wanted = wanted[:faulty]
    asked_again = next((n for n, step in enumerate(run.turns) if step.retried), faulty)
    if asked_again < faulty:  # the rollout's turn was sound
        fault = run.turns[asked_again].fault
        found = [*found[:asked_again], ("" if fault is None else fault.text, ())]
    same_state = lost or expected.final_state == served.final_state
    if wanted == found and same_state and same_verdict:
        return None
    place = next((n for n, (one, other) in enumerate(zip(wanted, found, strict=False)) if one != other), None)
    return {
        "task": task.task_id,
        "turn": place,
        "rollout": wanted[place] if place is not None else len(wanted),
        "served": found[place] if place is not None else len(found),
        "fault": None if fault is None else fault.kind,
        "same_state": same_state,
        "verdicts": verdicts,
    }
