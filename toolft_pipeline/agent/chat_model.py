"""The model behind an OpenAI-compatible URL as a LangChain chat model that keeps what the server says of a bad turn."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING, Any

from toolft_pipeline.agent.extra import agent_extra

if TYPE_CHECKING:
    import httpx
    from langchain_openai import ChatOpenAI

TOOL_CALL_ERROR = "tool_call_error"
"""Field of a message that our server adds to a faulty turn: kind, detail, text."""


@dataclass(frozen=True, kw_only=True)
class ModelServer:
    """Where the model is served. `url` ends in /v1; `key` is a bearer key, anything where the server wants none."""

    url: str
    model: str = "served"
    key: str = "none"
    max_new_tokens: int | None = None
    """Token limit of a turn; None leaves it to the server."""
    timeout_s: float = 300.0
    temperature: float = 0.0
    max_retries: int = 2
    """Retries of a request that got no answer."""
    headers: dict[str, str] = field(default_factory=dict)


def chat_model(server: ModelServer, *, client: httpx.AsyncClient | None = None) -> ChatOpenAI:
    """The chat model; `client` replaces the connection (an application in this process, say)."""
    options: dict[str, Any] = {} if server.max_new_tokens is None else {"max_tokens": server.max_new_tokens}
    return _chat_class()(
        base_url=server.url,
        model=server.model,
        api_key=server.key,
        temperature=server.temperature,
        timeout=server.timeout_s,
        max_retries=server.max_retries,
        default_headers=server.headers,
        http_async_client=client,
        use_responses_api=False,
        **options,
    )


@cache
def _chat_class() -> type[ChatOpenAI]:
    with agent_extra():
        from langchain_core.messages import AIMessage
        from langchain_core.outputs import ChatResult
        from langchain_openai import ChatOpenAI

    class FaultKeepingChat(ChatOpenAI):
        """`ChatOpenAI` drops fields of a message that it does not know; partner packages override the same method."""

        def _create_chat_result(self, response: Any, generation_info: dict[str, Any] | None = None) -> ChatResult:
            result = super()._create_chat_result(response, generation_info)
            document = response if isinstance(response, dict) else response.model_dump(warnings=False)
            for generation, choice in zip(result.generations, document["choices"], strict=True):
                error = choice["message"].get(TOOL_CALL_ERROR)
                if error is not None and isinstance(generation.message, AIMessage):
                    generation.message.additional_kwargs[TOOL_CALL_ERROR] = error
            return result

    return FaultKeepingChat
