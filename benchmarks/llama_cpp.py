"""What a model loses and gains as a GGUF file: bytes, tokens a second, greedy texts equal to transformers'.

Each type of file is served by llama.cpp and asked the first prompts of held-out tasks, one at a time and greedily; so
is transformers in float32 and bfloat16. Texts are compared with both. Where texts differ, `earliest` says how many
tokens the soonest of them shares with that of float32.

    python -m benchmarks.llama_cpp AGENT --model FOLDER [--prompts 32] [--new-tokens 48] [--threads 1] [--json]
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from toolft_pipeline.agent_file import AGENT_FILE, agents_root, load_agent
from toolft_pipeline.chat.formats import get_format
from toolft_pipeline.chat.rendering.serving import saved_tokenizer, serving_prompt
from toolft_pipeline.compute_type import ComputeType
from toolft_pipeline.engines.engine import DecodeRequest, Engine
from toolft_pipeline.engines.gguf_cache import exported_model
from toolft_pipeline.engines.registry import make_engine
from toolft_pipeline.evaluation.judge.task import load_tasks
from toolft_pipeline.evaluation.scoring.task_sampling import sample_tasks
from toolft_pipeline.settings import CatalogMode
from toolft_pipeline.settings.serving import EngineName, EngineSettings

FILES = ("F32", "BF16", "Q8_0")
CONTEXT_TOKENS = 2048

Texts = list[tuple[int, ...]]
"""The tokens that were written, a prompt each."""


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="llama.cpp's files against transformers.")
    parser.add_argument("agent")
    parser.add_argument("--model", type=Path, required=True, help="a model folder: base or merged")
    parser.add_argument("--prompts", type=int, default=32)
    parser.add_argument("--new-tokens", type=int, default=48)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    result = asyncio.run(measure(options))
    if options.json:
        print(json.dumps(result, indent=1))
        return
    print(
        f"{result['prompts']} prompts of {result['prompt_tokens']} tokens in the median, {result['threads']} thread(s)"
    )
    for each in result["engines"]:
        print(
            f"{each['engine']:18} {each['bytes'] / 1e6:8.0f} MB {each['tokens_per_s']:7.1f} tokens/s   equal to fp32: "
            f"{each['equal_to_fp32']}, to bf16: {each['equal_to_bf16']}, earliest difference: {each['earliest']}"
        )


async def measure(options: argparse.Namespace) -> dict[str, Any]:
    """All engines on the same prompts."""
    settings = load_agent(agents_root() / options.agent / AGENT_FILE)
    chat_format = get_format(settings.chat.format)
    tokenizer = saved_tokenizer(str(options.model), settings.chat.format, CatalogMode.NONE)
    tasks = sample_tasks(load_tasks(settings.path(settings.evaluation.tasks)), options.prompts)
    prompts = [
        serving_prompt(
            [*([{"role": "system", "content": task.system}] if task.system else []),
             {"role": "user", "content": task.user_turns[0]}],
            tokenizer=tokenizer,
        ).ids
        for task in tasks
    ]  # fmt: skip
    written: dict[str, Texts] = {}
    engines: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as scratch:
        for name, compute in (("transformers fp32", ComputeType.FP32), ("transformers bf16", ComputeType.BF16)):
            engine = make_engine(
                EngineSettings(threads=options.threads, batch_size=1, context_tokens=CONTEXT_TOKENS),
                folder=options.model, stops=chat_format.stop_tokens, compute=compute, tokenizer=tokenizer,
            )  # fmt: skip
            size = sum(path.stat().st_size for path in options.model.glob("*.safetensors"))
            engines.append({"engine": name, "bytes": size, **await _run(engine, prompts, options, written, name)})
        for kind in FILES:
            chosen = EngineSettings.model_validate(
                {"name": EngineName.LLAMA_CPP, "threads": options.threads, "batch_size": 1, "quantization": kind,
                 "context_tokens": CONTEXT_TOKENS}
            )  # fmt: skip
            stops, exports = chat_format.stop_tokens, Path(scratch)
            file = exported_model(options.model, quantization=kind, stops=stops, cache=exports)
            engine = make_engine(chosen, folder=options.model, stops=stops, exports=exports)
            name, size = f"llama.cpp {kind}", file.stat().st_size
            engines.append({"engine": name, "bytes": size, **await _run(engine, prompts, options, written, name)})
            file.unlink()
    for each in engines:
        own, full = written[each["engine"]], written["transformers fp32"]
        each["equal_to_fp32"] = _equal(own, full)
        each["equal_to_bf16"] = _equal(own, written["transformers bf16"])
        each["earliest"] = min(
            (_common(*pair) for pair in zip(own, full, strict=True) if pair[0] != pair[1]), default=None
        )
    lengths = sorted(map(len, prompts))
    return {
        "model": options.model.name,
        "prompts": len(prompts),
        "prompt_tokens": lengths[len(lengths) // 2],
        "threads": options.threads,
        "load_average": os.getloadavg()[0],
        "engines": engines,
    }


async def _run(
    engine: Engine, prompts: Sequence[Sequence[int]], options: argparse.Namespace, written: dict[str, Texts], name: str
) -> dict[str, Any]:
    await engine.start()
    try:
        await _answer(engine, prompts[0], 4)  # what is made at the first request is not measured
        texts, seconds = Texts(), 0.0
        for ids in prompts:
            tokens, took = await _answer(engine, ids, options.new_tokens)
            texts.append(tokens)
            seconds += took
    finally:
        await engine.close()
    written[name] = texts
    after_first = sum(max(0, len(tokens) - 1) for tokens in texts)
    return {"new_tokens": sum(map(len, texts)), "tokens_per_s": round(after_first / seconds, 2)}


async def _answer(engine: Engine, ids: Sequence[int], most: int) -> tuple[tuple[int, ...], float]:
    """The tokens, and the seconds from the first to the last of them: reading the prompt is not in it."""
    tokens: list[int] = []
    first = last = time.monotonic()
    async for chunk in engine.stream(DecodeRequest(ids=tuple(ids), max_new_tokens=most)):
        last = time.monotonic()
        first = first if tokens else last
        tokens.extend(chunk.token_ids)
    return tuple(tokens), last - first


def _equal(one: Texts, other: Texts) -> int:
    return sum(a == b for a, b in zip(one, other, strict=True))


def _common(one: tuple[int, ...], other: tuple[int, ...]) -> int:
    return next((n for n, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other)))


if __name__ == "__main__":
    main()
