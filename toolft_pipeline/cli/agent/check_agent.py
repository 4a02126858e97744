"""`toolft check-agent`: where the prompts of somebody's own agent or proxy differ from those of training."""

from __future__ import annotations

import asyncio
import json
import signal
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import msgspec

from toolft_pipeline.agent.check.check_prompts import AgentCheck, check_requests
from toolft_pipeline.agent.check.comparison import Difference
from toolft_pipeline.agent.check.proxy import play_through
from toolft_pipeline.agent.check.scripted_server import scripted_server
from toolft_pipeline.agent_file import warehouse_root
from toolft_pipeline.catalog.build import load_catalog
from toolft_pipeline.chat.formats import get_format
from toolft_pipeline.chat.rendering.pasted_tools import PastedTools
from toolft_pipeline.chat.rendering.serving import saved_tokenizer
from toolft_pipeline.cli.agent.agent_task import example_task
from toolft_pipeline.cli.runs.terminal import say
from toolft_pipeline.errors import UsageError
from toolft_pipeline.evaluation.models.prompting import ServedPrompter
from toolft_pipeline.settings import AgentSettings
from toolft_pipeline.warehouse.manifest import ArtifactKey
from toolft_pipeline.warehouse.store import Warehouse

_SHOWN_CHARACTERS = 200


@dataclass(frozen=True, kw_only=True)
class CheckOptions:
    """What the command line says beside the agent."""

    url: str | None = None
    port: int = 8200
    model: str = "scripted"
    key: str = "none"
    system_prompt: str | None = None
    as_json: bool = False


def check_agent(settings: AgentSettings, options: CheckOptions) -> int:
    """Play the conversation and report; returns 1 if a prompt differs. Raises `FixableError`."""
    prompter = trained_prompter(settings)
    example = example_task(settings)
    system = options.system_prompt or (example.system if example else None)
    bodies = asyncio.run(_record(options, system=system))
    check = check_requests(bodies, prompter=prompter, system=system, policy=settings.chat.system_prompt)
    if options.as_json:
        print(json.dumps({"agrees": check.agrees, **msgspec.to_builtins(check)}, indent=1))
    else:
        say(*report_lines(check))
    return int(not check.agrees)


def trained_prompter(settings: AgentSettings) -> ServedPrompter:
    """What makes the prompts of this agent's training: the base model's tokenizer with the chat format installed."""
    warehouse, chat = Warehouse(warehouse_root()), settings.chat
    found = {
        asset: warehouse.current(ArtifactKey(agent=settings.name, asset=asset))
        for asset in ("base_model", "tool_catalog")
    }
    base, tools = found["base_model"], found["tool_catalog"]
    if base is None or tools is None:
        missing = ", ".join(asset for asset, version in found.items() if version is None)
        raise UsageError(f"{settings.name}: no version of {missing}; run `toolft run {settings.name} --sources` first")
    catalog = load_catalog(tools.folder)
    return ServedPrompter(
        tokenizer=saved_tokenizer(str(base.file("model").resolve()), chat.format, chat.catalog_mode),
        chat_format=get_format(chat.format),
        system_prompt=chat.system_prompt,
        tools=catalog.openai_tools(),
        without_tools=PastedTools({tool.name: tool.description for tool in catalog.tools}).without,
    )


async def _record(options: CheckOptions, *, system: str | None) -> list[dict[str, Any]]:
    """The requests of the scripted conversation, as they reached the scripted model."""
    tell = (lambda *_lines: None) if options.as_json else say
    async with scripted_server(port=options.port) as (model, address):
        if options.url is not None:
            tell(f"playing a scripted conversation through {options.url}; its upstream must be {address}/v1")
            await play_through(options.url, model=options.model, key=options.key, system=system)
            return model.bodies
        tell(
            f"model: {address}/v1 (any key, model {options.model})",
            f"tools: {address}/mcp (MCP, streamable HTTP)",
            "point your agent at both and give it any task; Ctrl-C ends the wait and reports what came",
        )
        asyncio.get_running_loop().add_signal_handler(signal.SIGINT, model.answered.set)
        await model.answered.wait()
        return model.bodies


def report_lines(check: AgentCheck) -> Iterator[str]:
    """The report: request by request, then what concerns none of them."""
    for request in check.requests:
        if request.first_difference is None:
            verdict = f"equals training, {request.n_expected} tokens"
        else:
            lengths = f"{request.n_sent} tokens, training {request.n_expected}"
            verdict = f"differs at token {request.first_difference + 1}: {lengths}"
        yield f"prompt {request.turn}: {verdict}"
        for each in request.differences:
            yield from _difference_lines(each)
    for each in check.general:
        yield from _difference_lines(each)
    if check.agrees:
        yield f"all {len(check.requests)} prompts are those of training"
        return
    n_wrong = sum(request.first_difference is not None for request in check.requests)
    n_named = sum(len(request.differences) for request in check.requests) + len(check.general)
    yield f"{n_wrong} of {len(check.requests)} prompts differ; {n_named} differences named"


def _difference_lines(each: Difference) -> Iterator[str]:
    yield f"  {each.name} ({each.where})"
    yield f"    training: {_cut(each.expected)}"
    yield f"    sent:     {_cut(each.sent)}"
    yield f"    fix:      {each.fix}"


def _cut(text: str) -> str:
    return text if len(text) <= _SHOWN_CHARACTERS else text[: _SHOWN_CHARACTERS - 3] + "..."
