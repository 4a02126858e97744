"""`toolft agent`: one task by the served model on the agent's backend, every step printed."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import msgspec

from toolft_pipeline.agent import AgentRun, LoopOptions, McpServer, ModelServer, ModelStep, open_agent
from toolft_pipeline.agent.extra import agent_extra
from toolft_pipeline.agent.state_changes import state_changes
from toolft_pipeline.agent.steps import Step
from toolft_pipeline.cli.agent.served_child import served_child
from toolft_pipeline.cli.runs.terminal import say
from toolft_pipeline.errors import FixableError, UsageError
from toolft_pipeline.evaluation.judge.task import Task, load_tasks
from toolft_pipeline.settings import AgentSettings

_SHOWN_CHANGES = 20


class ModelServerError(FixableError, RuntimeError):
    """The model's server cannot be used; the message has its URL and what it said."""


@dataclass(frozen=True, kw_only=True)
class AgentOptions:
    """What the command line says beside the agent and the task."""

    url: str | None = None
    model: str | None = None
    key: str = "none"
    state_ref: str | None = None
    system_prompt: str | None = None
    mcp: str | None = None
    overrides: tuple[str, ...] = ()
    """The command's own `--set`, for the server that it starts."""
    show_error: bool = True
    """Whether a faulty turn is asked again with its error shown to the model."""
    as_json: bool = False


def run_agent_task(settings: AgentSettings, user_turns: list[str], options: AgentOptions) -> int:
    """Do one task; returns 0 if it ended in an answer. Raises `FixableError`."""
    tools, example = _tools(settings, options), None if options.mcp else example_task(settings)
    state_ref = options.state_ref or (example.state_ref if example else None)
    system_prompt = options.system_prompt or (example.system if example else None)
    tell = (lambda *_lines: None) if options.as_json else say
    with _model_url(settings, options) as url:
        origin = "" if options.state_ref or state_ref is None else " (of the first task; --state names another)"
        tell(f"{settings.name} on {url}, {tools.label}" + (f", state {state_ref}{origin}" if state_ref else ""))
        number = iter(range(1, 10_000))
        run = _run(
            ModelServer(url=url, model=options.model or settings.name, key=options.key),
            tools,
            LoopOptions(
                system_prompt=system_prompt,
                max_turns=settings.evaluation.max_turns,
                show_error=options.show_error,
                on_step=lambda step: tell(f"{next(number):3} {step_line(step)}"),
            ),
            user_turns,
            state_ref,
        )
    if options.as_json:
        print(json.dumps(run_document(run, state_ref=state_ref), indent=1))
    else:
        say(*summary_lines(run))
    return int(run.answer is None)


def _run(
    model: ModelServer, tools: McpServer, options: LoopOptions, user_turns: list[str], state_ref: str | None
) -> AgentRun:
    with agent_extra():
        import openai

    async def work() -> AgentRun:
        async with open_agent(model, tools, options) as agent:
            return await agent.run(*user_turns, state_ref=state_ref)

    try:
        return asyncio.run(work())
    except openai.APIConnectionError as error:
        raise ModelServerError(f"{model.url}: no server answers there; start one, or fix --url") from error
    except openai.OpenAIError as error:
        raise ModelServerError(f"{model.url}: {' '.join(str(error).split())[:300]}") from error


def _tools(settings: AgentSettings, options: AgentOptions) -> McpServer:
    if options.mcp is not None:
        return replace(McpServer.parse(options.mcp), cwd=settings.folder)
    if settings.sandbox is None:
        raise UsageError(f"{settings.name} has no sandbox: name the MCP server with --mcp, or declare `sandbox`")
    return McpServer.of_sandbox(settings.sandbox, cwd=settings.folder)


def example_task(settings: AgentSettings) -> Task | None:
    """The first evaluation task: a state that the backend can rebuild, and the system prompt that the agent has."""
    path = settings.path(settings.evaluation.tasks)
    if not path.is_file():
        return None
    return next(iter(load_tasks(path, volatile=settings.sandbox.volatile if settings.sandbox else ())), None)


@contextmanager
def _model_url(settings: AgentSettings, options: AgentOptions) -> Iterator[str]:
    """The URL that was given, or that of a server started for this task."""
    if options.url is not None:
        yield options.url
        return
    with served_child(settings.name, options.overrides) as url:
        yield url


def step_line(step: Step) -> str:
    """A step in one line."""
    if isinstance(step, ModelStep):
        made = [
            f"{name}({', '.join(f'{key}={_json(value)}' for key, value in given.items())})"
            for name, given in step.calls
        ]
        said = " ".join([step.text, *made]).strip()
        if step.fault is not None:
            again = ", asked again" if step.retried else ""
            said = f"faulty turn ({step.fault.kind}: {step.fault.detail}){again} {step.fault.text}".rstrip()
        return f"model {step.ms:8,.0f} ms  {said}"
    return f"tool  {step.ms:8,.0f} ms  {step.name} -> {step.result}"


def summary_lines(run: AgentRun) -> Iterator[str]:
    """Turns, tokens, times, and what the task changed."""
    times, (prompt, completion) = run.times, run.tokens
    parts = {"model": times.model_ms, "tools": times.tools_ms, "framework": times.framework_ms}
    split = ", ".join(f"{name} {ms:,.0f} ms ({ms / max(times.total_ms, 1e-9):.1%})" for name, ms in parts.items())
    retries = f", {run.n_retries} asked again" if run.n_retries else ""
    n_calls = len(run.steps) - len(run.turns)
    yield f"{len(run.turns)} turns{retries}, {n_calls} calls, {prompt:,} + {completion:,} tokens"
    yield f"{times.total_ms / 1000:.2f} s: {split}"
    if run.state_before is not None and run.state_after is not None:
        changes = state_changes(run.state_before, run.state_after)
        yield from changes[:_SHOWN_CHANGES] or ["the state is unchanged"]
        if len(changes) > _SHOWN_CHANGES:
            yield f"and {len(changes) - _SHOWN_CHANGES} more changes"
    if run.failure is not None:
        yield f"no answer: {run.failure}"


def run_document(run: AgentRun, *, state_ref: str | None) -> dict[str, Any]:
    """The task as one JSON object."""
    prompt, completion = run.tokens
    states = (run.state_before, run.state_after)
    return {
        "conversation_id": run.conversation_id,
        "answer": run.answer,
        "failure": run.failure,
        "steps": msgspec.to_builtins(run.steps),
        "turns": len(run.turns),
        "retries": run.n_retries,
        "prompt_tokens": prompt,
        "completion_tokens": completion,
        "ms": {**msgspec.to_builtins(run.times), "framework_ms": run.times.framework_ms},
        "state_ref": state_ref,
        "state_changes": None if None in states else state_changes(*map(str, states)),
    }


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)
