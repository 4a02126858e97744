"""Check a real vLLM server in a minute: does it serve this model folder as evaluation judged it?

    python deploy/vllm/check_server.py MODEL_FOLDER --url http://127.0.0.1:8001 [--key-from VAR] [--adapter NAME]

Exit status 0 if every check passes. Run it where the folder lies and transformers can load it, beside the server or on
another machine. Greedy texts are compared with transformers in the same number type; in bf16 some prompts may differ
where two tokens are nearly equal, so a share is asked for (`--least`) and the number is printed.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
from collections.abc import Sequence
from contextlib import aclosing
from pathlib import Path
from typing import Any

from toolft_pipeline.chat.formats import FORMATS, get_format
from toolft_pipeline.chat.rendering.serving import serving_prompt
from toolft_pipeline.compute_type import ComputeType
from toolft_pipeline.engines.engine import Chunk, DecodeRequest, EndReason
from toolft_pipeline.engines.model_loading import load_model, load_tokenizer
from toolft_pipeline.engines.vllm_engine import VllmEngine
from toolft_pipeline.errors import FixableError
from toolft_pipeline.evaluation.models.decoding import TransformersGenerator
from toolft_pipeline.settings.serving import EngineName, EngineSettings

REQUESTS = (
    "Where is my order 4711, and when will it arrive?",
    "Please cancel the second item and tell me what is left to pay.",
    "Thanks! That was all for today.",
    "Compare the two options, take the cheaper one and send Dana Whitfield a note about it.",
    "Who looks after ticket T-1828?",
    "Move the delivery to Friday and confirm the new address.",
    "How many pieces of A-17 are left in the Leipzig warehouse?",
    "I was charged twice on invoice 2044. Refund one, please.",
)


class Checks:
    """What was found, one line a check."""

    def __init__(self) -> None:
        self.failed = 0

    def say(self, name: str, passed: bool, detail: str) -> None:
        """Print a check's outcome."""
        self.failed += not passed
        print(f"{'ok    ' if passed else 'FAILED'}  {name:22}{detail}", flush=True)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the checks; the exit status."""
    options = _options(arguments)
    try:
        return asyncio.run(_check(options))
    except FixableError as error:
        print(f"FAILED  {error}", flush=True)
        return 1


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--url", required=True)
    parser.add_argument("--key-from", metavar="VAR", help="environment variable that holds the server's key")
    parser.add_argument("--format", default="gemma3", choices=sorted(FORMATS))
    parser.add_argument(
        "--adapter", metavar="NAME", help="an adapter that the server has; it must differ from the base"
    )
    parser.add_argument("--prompts", type=Path, metavar="FILE", help="JSONL of {messages, tools} in place of ours")
    parser.add_argument("--new-tokens", type=int, default=48)
    parser.add_argument("--type", default="bf16", choices=["bf16", "fp32"], help="number type of server and reference")
    parser.add_argument("--least", type=float, default=0.75, help="share of texts that must equal transformers' (0.75)")
    return parser.parse_args(arguments)


async def _check(options: argparse.Namespace) -> int:
    checks = Checks()
    chat_format = get_format(options.format)
    settings = EngineSettings(name=EngineName.VLLM, url=options.url, key_from=options.key_from)
    engine = VllmEngine(settings=settings, folder=options.folder, stops=chat_format.stop_tokens)
    await engine.start()
    checks.say("served model", True, f"this folder, a context of {engine.max_context} tokens")
    tokenizer = load_tokenizer(options.folder)
    prompts = [
        serving_prompt(asked["messages"], tokenizer=tokenizer, tools=asked.get("tools")).ids
        for asked in _asked(options)
    ]
    alone = [await _answer(engine, ids, options.new_tokens) for ids in prompts]
    together = await asyncio.gather(*(_answer(engine, ids, options.new_tokens) for ids in prompts))
    reference = TransformersGenerator(
        model=load_model(options.folder, compute=ComputeType(options.type)),
        tokenizer=tokenizer,
        stops=chat_format.stop_tokens,
        max_new_tokens=options.new_tokens,
        batch_size=1,
    )
    texts = [generation.text for generation in reference.generate(prompts)]
    _compare(checks, options, texts=texts, alone=alone, together=together)
    _ends(checks, alone, stops=chat_format.stop_tokens)
    await _cancel(checks, engine, prompts[0])
    if options.adapter is not None:
        await engine.for_adapter(options.adapter).assert_differs_from_base(prompts)
        checks.say("adapter", True, f"{options.adapter} does not answer as the base")
    await engine.close()
    return 1 if checks.failed else 0


def _asked(options: argparse.Namespace) -> list[dict[str, Any]]:
    if options.prompts is None:
        return [{"messages": [{"role": "user", "content": text}]} for text in REQUESTS]
    return [json.loads(line) for line in options.prompts.read_text(encoding="utf-8").splitlines() if line.strip()]


async def _answer(engine: VllmEngine, ids: Sequence[int], most: int) -> list[Chunk]:
    request = DecodeRequest(ids=tuple(ids), max_new_tokens=most)
    return [chunk async for chunk in engine.stream(request)]


def _compare(
    checks: Checks,
    options: argparse.Namespace,
    *,
    texts: list[str],
    alone: list[list[Chunk]],
    together: list[list[Chunk]],
) -> None:
    count = len(texts)
    as_reference = sum(_text(chunks) == text for chunks, text in zip(alone, texts, strict=True))
    as_alone = sum(_text(a) == _text(b) for a, b in zip(alone, together, strict=True))
    checks.say(
        "greedy texts",
        as_reference >= options.least * count,
        f"{as_reference} of {count} as transformers in {options.type}, at least {options.least:.0%} wanted",
    )
    checks.say(
        "batch",
        as_alone >= options.least * count,
        f"{as_alone} of {count} the same alone and with {count} at once",
    )


def _text(chunks: Sequence[Chunk]) -> str:
    return "".join(chunk.text for chunk in chunks)


def _ends(checks: Checks, answers: list[list[Chunk]], *, stops: Sequence[str]) -> None:
    stopped = sum(chunks[-1].end is EndReason.STOP for chunks in answers)
    clean = not any(stop in _text(chunks) for chunks in answers for stop in stops)
    checks.say("stop tokens", clean and stopped > 0, f"{stopped} of {len(answers)} ended by one, none is in a text")
    streamed = max(len(chunks) for chunks in answers)
    checks.say("streaming", streamed > 2, f"up to {streamed} chunks an answer")
    counted = all(sum(chunk.n_new_tokens for chunk in chunks) > 0 for chunks in answers)
    sent = all(any(chunk.token_ids for chunk in chunks) for chunks in answers)
    checks.say("token ids", counted, "sent" if sent else "not sent: a release before 0.10.2; logs lack completion ids")


async def _cancel(checks: Checks, engine: VllmEngine, ids: Sequence[int]) -> None:
    request = DecodeRequest(ids=tuple(ids), max_new_tokens=max(1, engine.max_context - len(ids)))
    async with aclosing(engine.stream(request)) as answer:  # type: ignore[type-var]
        await anext(answer)
    again = await _answer(engine, ids, 1)
    checks.say("cancel", engine.load() == (0, 0) and bool(again), "a closed request leaves the server free")


if __name__ == "__main__":
    sys.exit(main())
