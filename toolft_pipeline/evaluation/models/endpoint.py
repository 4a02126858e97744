"""A model behind an OpenAI-compatible endpoint, evaluated on the same steps and rollouts as a model folder.

Invariant: an answer is judged as the endpoint sent it. Calls are structured, so nothing is parsed out of text: a call
whose arguments are not a JSON object, an answer cut by the token limit, and a call that the server left in the text are
malformed turns, as they are to an agent. Network errors (429, 5xx, a cut stream, a time-out) are retried and never
counted against the model; an endpoint that stays unreachable ends the evaluation.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from copy import copy
from typing import TYPE_CHECKING, Any

from toolft_pipeline.catalog.tool import Catalog
from toolft_pipeline.chat.rendering.conversation import with_system_prompt
from toolft_pipeline.chat.rendering.parsing import ParsedCall, ParsedTurn
from toolft_pipeline.chat.rendering.pasted_tools import PastedTools
from toolft_pipeline.errors import FixableError
from toolft_pipeline.evaluation.models.generation import Generation, Generator, Sampling
from toolft_pipeline.settings import EndpointSettings
from toolft_pipeline.trajectories.record import Role

if TYPE_CHECKING:
    from openai import OpenAI
    from openai.types.chat import ChatCompletion

CALL_MARK = "<tool_call>"
"""Start of a call that a server could not parse and passed on as text (Hermes, Qwen, Gemma and others)."""

_FINISHED = frozenset({"stop", "tool_calls", "function_call", "content_filter", None})
"""Reasons with which a usable message ends. Not among them: `length`, and the faults that our own server reports."""

TOO_LONG = "context_length_exceeded"
"""Error code of a history that does not fit: the task fails, the endpoint is not at fault."""


class EndpointError(FixableError, RuntimeError):
    """An endpoint cannot be used; the message names the endpoint and the fix."""


class EndpointModel:
    """Prompter and generator in one: a prompt is the index of a history, an answer the assistant message as JSON."""

    def __init__(
        self,
        *,
        name: str,
        settings: EndpointSettings,
        catalog: Catalog,
        system_prompt: str,
        max_new_tokens: int,
        progress: Callable[[str], None] = lambda _line: None,
    ) -> None:
        self._name = name
        self._settings = settings
        self._tools = catalog.openai_tools()
        self._system_prompt = system_prompt
        self._without_tools = PastedTools({tool.name: tool.description for tool in catalog.tools}).without
        body = {"max_tokens": max_new_tokens, "temperature": 0, "seed": 0} | settings.request
        self._body = {key: value for key, value in body.items() if value is not None}
        self._progress = progress
        self._client = _client(name, settings)
        self._histories: list[tuple[list[dict[str, Any]], list[dict[str, Any]]]] = []
        self._numbers: dict[str, int] = {}

    def sampled(self, sampling: Sampling) -> Generator:
        """A generator for the same prompts that asks for another drawing. `request` of the agent file still decides:
        a parameter that it omits is not sent.
        """
        other = copy(self)
        drawn = {"temperature": sampling.temperature, "seed": sampling.repeat}
        other._body = self._body | {key: value for key, value in drawn.items() if key in self._body}
        return other

    @property
    def stops(self) -> tuple[str, ...]:
        """None: the endpoint uses its own."""
        return ()

    def prompt(self, messages: list[dict[str, Any]]) -> list[int]:
        """The index of this history; equal histories have one index."""
        sent = with_system_prompt(messages, policy=self._system_prompt, without_tools=self._without_tools)
        return self.prompt_with(sent, tools=self._tools)

    def prompt_with(self, messages: list[dict[str, Any]], *, tools: list[dict[str, Any]]) -> list[int]:
        """The index of these messages, unchanged, with other tools."""
        sent = [protocol_message(message) for message in messages]
        text = json.dumps([sent, [] if tools is self._tools else tools], sort_keys=True)
        if text not in self._numbers:
            self._numbers[text] = len(self._histories)
            self._histories.append((sent, tools))
        return [self._numbers[text]]

    def text_of(self, prompt: Sequence[int]) -> str:
        """What the endpoint is asked, as text: the history and the tools of a prompt."""
        (number,) = prompt
        return json.dumps(self._histories[number], sort_keys=True)

    def generate(self, prompts: Sequence[Sequence[int]]) -> list[Generation]:
        """Request an answer to every history, `parallel` at a time, in order. Raises `EndpointError`."""
        started = time.monotonic()
        with ThreadPoolExecutor(self._settings.parallel, thread_name_prefix="endpoint") as executor:
            answers = list(executor.map(self._ask, [self._histories[number] for (number,) in prompts]))
        busy_ms = 1000 * (time.monotonic() - started) / max(1, len(answers))
        self._progress(f"{len(answers)} answers, {busy_ms:,.0f} ms each")
        return [_generation(message, latency_ms=latency_ms, busy_ms=busy_ms) for message, latency_ms in answers]

    def read(self, generation: Generation) -> ParsedTurn:
        """The turn that an agent's client would make of the message."""
        if not generation.finished:
            return ParsedTurn(text=generation.text, malformed=(generation.text,))
        message = json.loads(generation.text)
        text: str = message.get("content") or ""
        calls = message.get("tool_calls", [])
        malformed = [json.dumps(call, ensure_ascii=False) for call in calls if not _is_call(call)]
        malformed += [CALL_MARK + rest for rest in text.split(CALL_MARK)[1:]]
        if malformed:
            return ParsedTurn(text=generation.text, malformed=tuple(malformed))
        return ParsedTurn(
            text=text, calls=tuple(ParsedCall(name=call["name"], arguments_json=call["arguments"]) for call in calls)
        )

    def _ask(self, asked: tuple[list[dict[str, Any]], list[dict[str, Any]]]) -> tuple[ChatCompletion | None, float]:
        """The answer, None for a history that is too long, and its latency in milliseconds."""
        import openai

        messages, tools = asked
        started = time.monotonic()
        try:
            answer = self._client.chat.completions.create(
                model=self._settings.model,
                messages=messages,  # type: ignore[arg-type]  # plain dicts of the same shape
                tools=tools,  # type: ignore[arg-type]
                extra_body=self._body,
            )
        except openai.BadRequestError as error:
            if error.code != TOO_LONG:
                raise self._error(error) from error
            answer = None
        except (openai.OpenAIError, ValueError) as error:
            raise self._error(error) from error
        if answer is not None and not answer.choices:
            raise EndpointError(f"{self._name}: the endpoint answered without a choice; check its server log")
        return answer, 1000 * (time.monotonic() - started)

    def _error(self, error: Exception) -> EndpointError:
        import openai

        status = getattr(error, "status_code", None)
        fix = f"after {self._settings.retries} retries: run again, finished evaluations are kept"
        if status in {401, 403}:
            fix = f"fix the key in ${self._settings.key_from}"
        elif status in {400, 404, 422}:
            fix = f"fix evaluation.endpoints.{self._name} in the agent file"
        elif isinstance(error, openai.APITimeoutError):
            limit = f"evaluation.endpoints.{self._name}.timeout_s"
            fix = f"no answer within {self._settings.timeout_s:g} s: raise {limit} if the endpoint is only slow"
        message = " ".join(str(error).split())[:200]
        return EndpointError(f"{self._name}: {self._settings.base_url}: {message}; {fix}")


def _client(name: str, settings: EndpointSettings) -> OpenAI:
    key = "none" if settings.key_from is None else os.environ.get(settings.key_from)
    if not key:
        raise EndpointError(f"{name}: no key: set the environment variable {settings.key_from}")
    try:
        from openai import OpenAI
    except ImportError as error:
        raise EndpointError(f"{name}: endpoints need a package: pip install 'toolft_pipeline[endpoints]'") from error
    return OpenAI(base_url=settings.base_url, api_key=key, timeout=settings.timeout_s, max_retries=settings.retries)


def protocol_message(message: dict[str, Any]) -> dict[str, Any]:
    """A message with the keys that the protocol knows for its role."""
    keys = ["role", "content"]
    if message["role"] == Role.TOOL:
        keys.append("tool_call_id")
    elif message.get("tool_calls"):
        keys.append("tool_calls")
    return {key: message.get(key) for key in keys}


def _generation(answer: ChatCompletion | None, *, latency_ms: float, busy_ms: float) -> Generation:
    if answer is None:
        empty = json.dumps({"content": None})
        return Generation(
            text=empty, n_prompt_tokens=0, n_new_tokens=0, latency_ms=latency_ms, busy_ms=busy_ms, finished=False
        )
    choice, usage = answer.choices[0], answer.usage
    calls = [
        {"name": call.function.name, "arguments": call.function.arguments}
        for call in choice.message.tool_calls or ()
        if call.type == "function"
    ]
    message = {"content": choice.message.content or choice.message.refusal} | ({"tool_calls": calls} if calls else {})
    return Generation(
        text=json.dumps(message, ensure_ascii=False),
        n_prompt_tokens=usage.prompt_tokens if usage else 0,
        n_new_tokens=usage.completion_tokens if usage else 0,
        latency_ms=latency_ms,
        busy_ms=busy_ms,
        finished=choice.finish_reason in _FINISHED,
    )


def _is_call(call: dict[str, Any]) -> bool:
    try:
        return bool(call["name"]) and isinstance(json.loads(call["arguments"]), dict)
    except (TypeError, ValueError, RecursionError):
        return False
