"""Fallback: a turn that no agent can act on is asked of the incumbent's endpoint, once, within a budget.

Invariant: an answer of the endpoint is handed on only if it has no fault by the rules of our own turns and its
arguments are valid; else, and after any failure of the endpoint, the turn stays as our model wrote it. The turn keeps
what our model wrote beside the replacement, so that neither a rate nor a training row counts the incumbent's as ours.
"""

from __future__ import annotations

import asyncio
import json
import os
import time
import uuid
from collections import Counter, deque
from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from msgspec import structs

from toolft_pipeline.catalog.tool import Catalog, parse_catalog
from toolft_pipeline.catalog.validator import CatalogValidator
from toolft_pipeline.chat.rendering.parsing import ParsedCall, ParsedTurn
from toolft_pipeline.errors import FixableError
from toolft_pipeline.evaluation.models.endpoint import CALL_MARK, protocol_message
from toolft_pipeline.serving.chat_request import ChatRequest
from toolft_pipeline.serving.notice import LOG, Figure
from toolft_pipeline.serving.parts import SafetyNet
from toolft_pipeline.serving.served_turn import ServedTurn
from toolft_pipeline.serving.turn_reading import check_turn
from toolft_pipeline.settings import EndpointSettings
from toolft_pipeline.settings.serving import FallbackSettings

if TYPE_CHECKING:
    from openai import AsyncOpenAI
    from openai.types.chat import ChatCompletion

HOUR_S = 3600.0


class FallbackError(FixableError, ValueError):
    """The fallback cannot be set up; the message names the setting and the fix."""


class HourlyBudget:
    """At most so many takes in any hour of this process."""

    def __init__(self, per_hour: int, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._per_hour = per_hour
        self._clock = clock
        self._taken: deque[float] = deque()

    def take(self) -> bool:
        """Whether one more is within the budget; it is taken then."""
        now = self._clock()
        while self._taken and self._taken[0] <= now - HOUR_S:
            self._taken.popleft()
        if len(self._taken) >= self._per_hour:
            return False
        self._taken.append(now)
        return True


class EndpointFallback(SafetyNet):
    """Asks an endpoint of `evaluation.endpoints`. Used from one event loop."""

    def __init__(
        self,
        settings: FallbackSettings,
        endpoint: EndpointSettings,
        *,
        while_drifting: bool = False,
        permits: Callable[[ServedTurn], bool] = lambda _turn: True,
        budget: HourlyBudget | None = None,
    ) -> None:
        """`permits` says whether the net may be used with the model of a turn.

        `while_drifting` asks for every turn as long as the live tools differ (`serving.drift.fallback`). Raises
        `FallbackError` without a key or the package openai.
        """
        self._settings = settings
        self._name = str(settings.endpoint)
        self._endpoint = endpoint
        self._while_drifting = while_drifting
        self._permits = permits
        self._budget = budget or HourlyBudget(settings.per_hour)
        self._client = _client(self._name, endpoint, timeout_s=settings.timeout_s)
        self._results: Counter[str] = Counter()
        self._tokens: Counter[str] = Counter()

    async def catch(self, turn: ServedTurn) -> ServedTurn:
        """The turn, with the endpoint's answer where it is wanted and good."""
        if not self._is_wanted(turn) or not await asyncio.to_thread(self._permits, turn):  # reads files
            return turn
        if not self._budget.take():
            return self._left(turn, "budget", f"{self._settings.per_hour} requests in the last hour")
        try:
            async with asyncio.timeout(self._settings.timeout_s):
                answer = await self._ask(turn.request)
            message = self._message(turn.request, answer)
        except Exception as error:  # whatever an endpoint does, the client gets our turn
            status = getattr(error, "status_code", None)
            return self._left(turn, "failed", type(error).__name__ + (f" {status}" if status else ""))
        if isinstance(message, str):
            return self._left(turn, "refused", message)
        self._results["answered"] += 1
        return structs.replace(turn, fallback=self._name, fallback_message=message)

    def figures(self) -> Iterator[Figure]:
        """Requests by result, tokens and cost, for the metrics page."""
        labels = {"endpoint": self._name}
        for result, count in list(self._results.items()):
            yield Figure(
                name="toolft_fallback_requests_total",
                help="Turns that the fallback was wanted for, by what became of them",
                value=count,
                labels={**labels, "result": result},
                total=True,
            )
        price = {
            "prompt": self._endpoint.price_per_million_prompt_tokens,
            "completion": self._endpoint.price_per_million_completion_tokens,
        }
        cost = sum(count * price[kind] for kind, count in self._tokens.items()) / 1e6
        yield Figure(
            name="toolft_fallback_cost_total",
            help="Price of the fallback's tokens",
            value=cost,
            labels=labels,
            total=True,
        )

    async def close(self) -> None:
        """Close the connections."""
        await self._client.close()

    def _is_wanted(self, turn: ServedTurn) -> bool:
        """Any fault: an agent can act on none of them. A cut answer too, as models that ramble are cut."""
        return (
            turn.fault is not None
            or (self._settings.invalid_arguments and bool(turn.invalid_arguments))
            or (self._while_drifting and turn.catalog_drift)
        )

    def _left(self, turn: ServedTurn, result: str, reason: str) -> ServedTurn:
        """Our own turn; the endpoint's words are in no log, because they may quote the conversation or a key."""
        self._results[result] += 1
        LOG.warning("%s: fallback %s: %s: %s", turn.agent, self._name, result, reason)
        return turn

    async def _ask(self, request: ChatRequest) -> ChatCompletion:
        body: dict[str, Any] = {"max_tokens": request.max_new_tokens, "temperature": request.temperature}
        if request.tools:
            body |= {"tools": request.tools, "tool_choice": _tool_choice(request)}
            if not request.parallel_tool_calls:
                body["parallel_tool_calls"] = False
        body |= self._endpoint.request
        answer: ChatCompletion = await self._client.chat.completions.create(
            model=self._endpoint.model,
            messages=[protocol_message(message) for message in request.messages],  # type: ignore[misc]  # plain dicts
            extra_body={key: value for key, value in body.items() if value is not None},
        )
        if answer.usage is not None:
            self._tokens["prompt"] += answer.usage.prompt_tokens
            self._tokens["completion"] += answer.usage.completion_tokens
        return answer

    def _message(self, request: ChatRequest, answer: ChatCompletion) -> dict[str, Any] | str:
        """The endpoint's message as the client gets it; a reason where it may not be handed on."""
        choice = answer.choices[0]
        if choice.finish_reason == "length":
            return "a cut answer"
        calls = [call for call in choice.message.tool_calls or () if call.type == "function"]
        content = choice.message.content
        turn = ParsedTurn(
            text=content or "",
            calls=tuple(ParsedCall(name=call.function.name, arguments_json=call.function.arguments) for call in calls),
            malformed=(content or "",) if CALL_MARK in (content or "") else (),
        )
        if not turn.text and not calls:
            return "an empty answer"
        validator = _validator(json.dumps(request.tools))
        read = check_turn(request, turn, validator)
        if read.fault is not None or read.invalid_arguments:
            return "invalid arguments" if read.fault is None else f"an answer with the fault {read.fault.value}"
        message: dict[str, Any] = {"role": "assistant", "content": content}
        if calls:
            message["tool_calls"] = [
                {
                    "id": f"call_{uuid.uuid4().hex}",
                    "type": "function",
                    "function": {"name": call.name, "arguments": call.arguments_json},
                }
                for call in turn.calls
            ]
        return message


@lru_cache(maxsize=16)
def _validator(tools_json: str) -> CatalogValidator:
    """The validator of the offered tools: of all that the endpoint was sent, not of our catalog alone."""
    tools = json.loads(tools_json)
    return CatalogValidator(parse_catalog(tools, where="tools") if tools else Catalog(tools=()))


def _tool_choice(request: ChatRequest) -> Any:
    if request.named_tool is not None:
        return {"type": "function", "function": {"name": request.named_tool}}
    return request.tool_choice.value


def _client(name: str, endpoint: EndpointSettings, *, timeout_s: float) -> AsyncOpenAI:
    key = "none" if endpoint.key_from is None else os.environ.get(endpoint.key_from)
    if not key:
        raise FallbackError(f"serving.fallback: {name}: no key: set the environment variable {endpoint.key_from}")
    try:
        from openai import AsyncOpenAI
    except ImportError as error:
        raise FallbackError("serving.fallback needs a package: pip install 'toolft_pipeline[endpoints]'") from error
    return AsyncOpenAI(base_url=endpoint.base_url, api_key=key, timeout=timeout_s, max_retries=0)
