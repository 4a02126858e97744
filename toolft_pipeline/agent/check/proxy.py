"""Play the scripted conversation through a proxy, as a client that changes nothing."""

from __future__ import annotations

from typing import Any

from toolft_pipeline.agent.check.script import TURNS, tool_list
from toolft_pipeline.agent.extra import agent_extra
from toolft_pipeline.errors import FixableError

USER_TURNS = ("Check my prompts.", "Thank you, that is all.")


class ProxyError(FixableError, RuntimeError):
    """The proxy cannot be used; the message has its URL and what it said."""


async def play_through(url: str, *, model: str, key: str, system: str | None) -> None:
    """Send the conversation turn by turn; every history is training's own, whatever the proxy answers.

    Raises `ProxyError` if the proxy does not answer.
    """
    with agent_extra():
        import openai

    tools: list[Any] = [
        {
            "type": "function",
            "function": {"name": tool.name, "description": tool.description, "parameters": tool.inputSchema},
        }
        for tool in tool_list()
    ]
    history: list[Any] = [] if system is None else [{"role": "system", "content": system}]
    history.append({"role": "user", "content": USER_TURNS[0]})
    async with openai.AsyncOpenAI(base_url=url, api_key=key, max_retries=0) as client:
        for turn in TURNS:
            try:
                await client.chat.completions.create(model=model, messages=history, tools=tools)
            except openai.OpenAIError as error:
                raise ProxyError(
                    f"{url}: {' '.join(str(error).split())[:300]}; check the proxy and its upstream"
                ) from error
            results = [{key: result[key] for key in ("role", "tool_call_id", "content")} for result in turn.results()]
            history += [turn.message(), *results]
            if not turn.calls:
                history.append({"role": "user", "content": USER_TURNS[1]})
