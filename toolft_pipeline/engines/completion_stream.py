"""The client side of a streamed completion: server-sent events in, documents out, each failure as an engine's error.

Invariant: a stream that ends before its last event is an error, never a short answer.
"""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from typing import TYPE_CHECKING, Any

from toolft_pipeline.engines.engine import ContextLengthError, EngineBusyError, EngineError, ModelGoneError

if TYPE_CHECKING:
    import httpx

BUSY = frozenset({429, 503})

_CONTEXT_WORDS = ("context length", "max_model_len", "context size", "exceed_context_size", "available context")
"""What vLLM (all releases of 0.6 to 0.32) and llama.cpp say of a prompt that does not fit."""


async def events(
    client: httpx.AsyncClient, path: str, body: dict[str, Any], *, name: str, dead: Callable[[], Awaitable[str | None]]
) -> AsyncGenerator[dict[str, Any], None]:
    """The documents of a streamed answer up to its end mark; closing the iterator closes the connection.

    `dead` says why the server's process has ended, None where it runs. Raises `EngineError`.
    """
    import httpx

    try:
        async with client.stream("POST", path, json=body) as response:
            if response.status_code != 200:
                raise refusal(response.status_code, (await response.aread())[:4000], name=name)
            async for line in _lines(response):
                if not line.startswith(b"data:"):
                    continue
                data = line[5:].strip()
                if data == b"[DONE]":
                    return
                yield _document(data, name=name)
    except httpx.TimeoutException as error:
        raise EngineError(f"{name}: no answer within {_read_timeout(client):g} s; it is stuck or overloaded: "
                          "look at its log, or lower serving.engine.batch_size") from error  # fmt: skip
    except httpx.HTTPError as error:
        ended = await dead()
        if ended is not None:
            raise EngineError(f"{name}: its process ended; {ended}") from error
        raise EngineError(
            f"{name}: the connection broke ({_words(error)}); look at its log and start it again"
        ) from error


def _document(data: bytes, *, name: str) -> dict[str, Any]:
    try:
        document: dict[str, Any] = json.loads(data)
    except ValueError as error:
        raise EngineError(f"{name}: sent something that is not JSON ({data[:100]!r}); is this its URL?") from error
    if "error" in document:
        raise _failure(document["error"], name=name)
    return document


def refusal(status: int, body: bytes, *, name: str) -> EngineError:
    """The error of an answer that is not 200."""
    try:
        document = json.loads(body)
        fault = document.get("error", document) if isinstance(document, dict) else body.decode("utf-8", "replace")
    except ValueError:
        fault = body.decode("utf-8", "replace")
    return _failure(fault, name=name, status=status)


def _failure(fault: Any, *, name: str, status: int | None = None) -> EngineError:
    """The error of a refusal (with a status) or of a stream that broke off with an error document."""
    text = fault.get("message", fault) if isinstance(fault, dict) else fault
    message = " ".join(str(text).split())[:300] or "no reason given"
    code = status or (fault.get("code") if isinstance(fault, dict) else None)
    if code in BUSY:
        return EngineBusyError(f"{name}: busy ({message}); send it again later")
    if code in {401, 403}:
        return EngineError(f"{name}: refuses the key; set the variable of serving.engine.key_from to its key")
    if code == 404:
        return ModelGoneError(f"{name}: {message}; check serving.engine.url and the name that it serves the model by")
    if code == 400 and any(words in message.lower() or words in str(fault).lower() for words in _CONTEXT_WORDS):
        return ContextLengthError(f"{name}: {message}")
    if code is not None and 400 <= int(code) < 500:
        return EngineError(f"{name}: refuses the request ({code}: {message}); is it a release that this project knows?")
    return EngineError(f"{name}: failed ({code or 'in the answer'}: {message}); look at its log and start it again")


async def _lines(response: httpx.Response) -> AsyncIterator[bytes]:
    """Lines that end in a newline. Other separators (U+2028, say) are text, so `aiter_lines` would tear documents."""
    rest = b""
    async for part in response.aiter_bytes():
        *whole, rest = (rest + part).split(b"\n")
        for line in whole:
            yield line.rstrip(b"\r")
    if rest:
        yield rest


def _read_timeout(client: httpx.AsyncClient) -> float:
    return float(client.timeout.read or 0)


def _words(error: Exception) -> str:
    return " ".join(str(error).split())[:200] or type(error).__name__
