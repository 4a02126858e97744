"""Every other parameter of a request: honoured, without effect, or refused by name.

Invariant: no parameter changes the prompt, and none that would change the answer is ignored in silence.
"""

from __future__ import annotations

import math
from difflib import get_close_matches
from typing import Any, NamedTuple

from toolft_pipeline.serving.api.errors import RequestError
from toolft_pipeline.serving.api.places import Placed

HONOURED = frozenset(
    {
        *("model", "messages", "tools", "tool_choice", "parallel_tool_calls", "stream", "stream_options"),
        *("temperature", "top_p", "seed", "max_tokens", "max_completion_tokens"),
    }
)
WITHOUT_EFFECT = frozenset(
    {
        *("user", "metadata", "store", "service_tier", "safety_identifier", "prediction"),
        *("prompt_cache_key", "prompt_cache_retention", "prompt_cache_options"),
    }
)
"""Accepted: they change neither prompt nor answer."""
DEFAULTS_ONLY: dict[str, tuple[Any, ...]] = {
    "n": (1,),
    "response_format": ({"type": "text"},),
    "logprobs": (False,),
    "top_logprobs": (0,),
    "stop": ([],),
    "logit_bias": ({},),
    "frequency_penalty": (0,),
    "presence_penalty": (0,),
    "modalities": (["text"],),
    "reasoning_effort": ("none",),
    "verbosity": ("medium",),
}
"""Accepted with the values that ask for nothing, refused with any other."""
REFUSED: dict[str, str] = {
    "functions": "send tools",
    "function_call": "send tool_choice",
    "audio": "the model writes text alone",
    "web_search_options": "the model has the tools of the request alone",
    **dict.fromkeys(
        ("chat_template", "chat_template_kwargs", "add_generation_prompt", "continue_final_message", "documents"),
        "the prompt is the one that the model was trained on",
    ),
    **dict.fromkeys(
        (
            "generation_config",
            "top_k",
            "min_p",
            "repetition_penalty",
            "num_beams",
            "do_sample",
            "best_of",
            "min_tokens",
        ),
        "decoding is set by temperature, top_p and seed",
    ),
    **dict.fromkeys(
        ("guided_json", "guided_regex", "guided_choice", "guided_grammar", "structured_outputs", "grammar"),
        "grammars are the server's own (serving.constrained)",
    ),
}
"""Refused by name, each with what to do instead."""


class Sampling(NamedTuple):
    """How to decode."""

    max_new_tokens: int
    temperature: float
    top_p: float
    seed: int | None


class Streaming(NamedTuple):
    """How to answer."""

    stream: bool
    include_usage: bool


def refuse_parameters(body: Placed) -> None:
    """Refuse what is not supported. Raises `RequestError`."""
    for parameter in body.sent():
        name = parameter.place
        if name in HONOURED or name in WITHOUT_EFFECT or parameter.value in DEFAULTS_ONLY.get(name, ()):
            continue
        if name in DEFAULTS_ONLY:
            raise parameter.error("is not supported; leave it out")
        if name in REFUSED:
            raise parameter.error(f"is not supported: {REFUSED[name]}")
        close = get_close_matches(name[:100], [*HONOURED, *WITHOUT_EFFECT, *DEFAULTS_ONLY], n=1)
        hint = f"; did you mean {close[0]}?" if close else ""
        raise RequestError(name[:100], f"unknown parameter{hint}", code="unknown_parameter")


def checked_sampling(body: Placed, *, most_new_tokens: int) -> Sampling:
    """How to decode; without `temperature` greedy, as the model was evaluated. Raises `RequestError`."""
    temperature, top_p, seed = body["temperature"], body["top_p"], body["seed"]
    return Sampling(
        max_new_tokens=_new_tokens(body, most=most_new_tokens),
        temperature=_number(temperature, most=2, default=0.0),
        top_p=_number(top_p, most=1, default=1.0, zero=False),
        seed=None if seed.value is None else _whole(seed),
    )


def checked_streaming(body: Placed) -> Streaming:
    """Whether to stream. Raises `RequestError`."""
    stream, options = body["stream"], body["stream_options"]
    streams = stream.value is not None and bool(stream.expect(bool))
    if options.value is None:
        return Streaming(streams, include_usage=False)
    if not streams:
        raise options.error("needs stream: true")
    options.expect(dict)
    usage = options["include_usage"]
    return Streaming(streams, include_usage=usage.value is not None and bool(usage.expect(bool)))


def _new_tokens(body: Placed, *, most: int) -> int:
    given = [each for each in (body["max_completion_tokens"], body["max_tokens"]) if each.value is not None]
    if not given:
        return most
    first, last = given[0], given[-1]
    asked = _whole(first)
    if _whole(last) != asked:
        raise last.error(f"contradicts {first.place}; send one of them")
    if not 1 <= asked <= most:
        raise first.error(f"must be 1 to {most} (serving.limits.new_tokens)")
    return asked


def _whole(number: Placed) -> int:
    value: int = number.expect(int)
    if abs(value) >= 2**63:
        raise number.error("must fit into 64 bits")
    return value


def _number(number: Placed, *, most: float, default: float, zero: bool = True) -> float:
    value = number.value
    if value is None:
        return default
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise number.error("must be a number")
    if not 0 <= value <= most or (value == 0 and not zero):
        raise number.error(f"must be {'0 to' if zero else 'above 0 and at most'} {most:g}")
    return float(value)
