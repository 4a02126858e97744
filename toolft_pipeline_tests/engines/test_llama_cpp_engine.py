"""llama.cpp's real server over exported tiny models: the tokens of transformers, families apart, and its failures."""

from __future__ import annotations

import asyncio
import json
import random
import re
from collections.abc import Iterator
from contextlib import aclosing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from toolft_pipeline.engines.engine import Chunk, ContextLengthError, DecodeRequest, EndReason, EngineError
from toolft_pipeline.engines.llama_cpp_engine import LlamaCppEngine
from toolft_pipeline.settings.serving import EngineSettings
from toolft_pipeline_tests.engines.random_models import FAMILIES, STOPS, write_tiny

if TYPE_CHECKING:
    from transformers import PreTrainedModel

pytest.importorskip("xllamacpp", reason="no llama.cpp: pip install -e '.[llama-cpp]'")

NEW = 24


@pytest.fixture(scope="module")
def scratch(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("llama_cpp")


@pytest.fixture(scope="module")
def folders(scratch: Path) -> dict[str, Path]:
    return {family: write_tiny(scratch / family, family) for family in FAMILIES}


@contextmanager
def _loop() -> Iterator[asyncio.Runner]:
    with asyncio.Runner() as runner:
        yield runner


@pytest.fixture(scope="module")
def gemma(folders: dict[str, Path], scratch: Path) -> Iterator[tuple[asyncio.Runner, LlamaCppEngine]]:
    """A started engine; everything runs in one event loop."""
    with _loop() as runner:
        engine = make(folders["gemma3"], scratch)
        runner.run(engine.start())
        yield runner, engine
        runner.run(engine.close())


def make(folder: Path, scratch: Path, *, family: str = "gemma3", **changed: Any) -> LlamaCppEngine:
    adapter = changed.pop("adapter", None)
    settings = EngineSettings.model_validate(
        {"name": "llama_cpp", "threads": 1, "quantization": "F32", "batch_size": 2, "context_tokens": 1024, **changed}
    )
    return LlamaCppEngine(
        settings=settings, folder=folder, stops=STOPS[family], exports=scratch / "exports", adapter=adapter
    )


def prompts(vocabulary: int, count: int = 8) -> list[tuple[int, ...]]:
    """Prompts of ordinary tokens, some far longer than the sliding window."""
    drawn = random.Random(0)
    return [
        tuple(drawn.randrange(300, vocabulary) for _ in range(length)) for length in (1, 7, 20, 40, 90, 150, 3, 33)
    ][:count]


async def ask(engine: LlamaCppEngine, ids: tuple[int, ...], *, most: int = NEW, **changed: Any) -> list[Chunk]:
    return [chunk async for chunk in engine.stream(DecodeRequest(ids=ids, max_new_tokens=most, **changed))]


def tokens(answer: list[Chunk]) -> list[int]:
    return [id_ for chunk in answer for id_ in chunk.token_ids]


def greedy(model: PreTrainedModel, ids: tuple[int, ...], stops: set[int], *, most: int = NEW) -> list[int]:
    """transformers' own loop."""
    import torch

    written = model.generate(
        torch.tensor([ids]), max_new_tokens=most, do_sample=False, eos_token_id=sorted(stops), pad_token_id=0
    )
    return [int(id_) for id_ in written[0, len(ids) :]]


def stop_ids(folder: Path, family: str) -> set[int]:
    added = json.loads((folder / "tokenizer.json").read_text())["added_tokens"]
    return {token["id"] for token in added if token["content"] in STOPS[family]}


@pytest.mark.parametrize("family", FAMILIES)
def test_exported_model_writes_the_tokens_of_transformers(folders: dict[str, Path], scratch: Path, family: str) -> None:
    from transformers import AutoModelForCausalLM, AutoTokenizer

    folder = folders[family]
    model = AutoModelForCausalLM.from_pretrained(folder)
    tokenizer = AutoTokenizer.from_pretrained(folder)
    asked = prompts(len(tokenizer) - 40)

    async def run() -> list[list[Chunk]]:
        engine = make(folder, scratch, family=family)
        await engine.start()
        answers = await asyncio.gather(*(ask(engine, ids) for ids in asked))
        await engine.close()
        return answers

    answers = asyncio.run(run())
    expected = [greedy(model, ids, stop_ids(folder, family)) for ids in asked]
    assert [tokens(answer) for answer in answers] == expected
    assert len({tuple(each) for each in expected}) > len(asked) // 2
    for answer, ids in zip(answers, expected, strict=True):
        stopped = ids[-1] in stop_ids(folder, family)
        assert answer[-1].end is (EndReason.STOP if stopped else EndReason.LENGTH)
        assert sum(chunk.n_new_tokens for chunk in answer) == len(ids)


def test_exported_adapter_writes_the_tokens_of_peft(folders: dict[str, Path], scratch: Path) -> None:
    """Llama: the adapter's second factors are permuted as the rows of their weights."""
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM, AutoTokenizer

    folder = folders["llama3"]
    base = AutoModelForCausalLM.from_pretrained(folder)
    asked = prompts(len(AutoTokenizer.from_pretrained(folder)) - 40, 4)
    without = [greedy(base, ids, stop_ids(folder, "llama3")) for ids in asked]
    config = LoraConfig(r=4, lora_alpha=6, use_rslora=True, target_modules=["q_proj", "k_proj", "v_proj", "down_proj"])
    adapted = get_peft_model(base, config)
    _draw(adapted)
    adapted.save_pretrained(scratch / "adapter")
    expected = [greedy(adapted, ids, stop_ids(folder, "llama3")) for ids in asked]
    assert expected != without

    async def run() -> list[list[int]]:
        engine = make(folder, scratch, family="llama3", adapter=scratch / "adapter")
        await engine.start()
        answers = [tokens(await ask(engine, ids)) for ids in asked]
        await engine.close()
        return answers

    assert asyncio.run(run()) == expected


def _draw(adapted: Any) -> None:
    import torch

    with torch.random.fork_rng(), torch.no_grad():
        torch.manual_seed(2)
        for name, weight in adapted.named_parameters():
            if "lora_" in name:
                weight.copy_(torch.randn_like(weight) * 0.2)


Started = tuple[asyncio.Runner, LlamaCppEngine]


def test_text_has_special_tokens_and_no_stop_token(gemma: Started, folders: dict[str, Path]) -> None:
    from tokenizers import Tokenizer

    runner, engine = gemma
    tokenizer = Tokenizer.from_file(str(folders["gemma3"] / "tokenizer.json"))
    stops = stop_ids(folders["gemma3"], "gemma3")
    specials = 0
    for ids in prompts(len(tokenizer.get_vocab())):
        answer = runner.run(ask(engine, ids))
        kept = [id_ for id_ in tokens(answer) if id_ not in stops]
        assert "".join(chunk.text for chunk in answer) == tokenizer.decode(kept, skip_special_tokens=False)
        specials += sum(tokenizer.decode([id_], skip_special_tokens=True) == "" for id_ in kept)


def test_stop_token_s_text_is_taken_off(gemma: Started) -> None:
    """llama.cpp writes it out, as every special token."""
    _, engine = gemma
    (stop, *_) = engine._stops.ids
    last = engine._chunk({"content": "<end_of_turn>", "tokens": [stop]}, new=1, end=None)
    assert (last.text, last.token_ids, last.n_new_tokens) == ("", (stop,), 1)


def test_characters_of_several_tokens_come_whole_and_with_all_their_tokens(gemma: Started) -> None:
    """llama.cpp's stream lists the last of them alone."""
    _, engine = gemma
    whole = engine._chunk({"content": "\U0001fae8", "tokens": [engine._bytes[0xA8]]}, new=4, end=None)
    assert whole.token_ids == tuple(engine._bytes[byte] for byte in "\U0001fae8".encode())
    assert whole.n_new_tokens == 4
    other = engine._chunk({"content": "ab", "tokens": [7]}, new=2, end=None)
    assert other.token_ids == ()


def test_prompt_beyond_the_context_is_refused_before_it_is_sent(gemma: Started) -> None:
    runner, engine = gemma
    assert engine.max_context == 1024
    with pytest.raises(ContextLengthError, match="the context has 1024"):
        runner.run(ask(engine, (400,) * 1001, most=24))
    assert runner.run(ask(engine, (400,) * 1000, most=24))


def test_stop_text_that_is_no_token_ends_the_answer(folders: dict[str, Path], gemma: Started, scratch: Path) -> None:
    runner, engine = gemma
    ids = prompts(600)[1]
    text = "".join(chunk.text for chunk in runner.run(ask(engine, ids)))
    stop = text[len(text) // 2]

    async def run() -> list[Chunk]:
        other = LlamaCppEngine(
            settings=engine._settings, folder=folders["gemma3"], stops=(stop,), exports=scratch / "exports"
        )
        await other.start()
        answer = await ask(other, ids)
        await other.close()
        return answer

    answer = runner.run(run())
    assert "".join(chunk.text for chunk in answer) == text.split(stop, 1)[0]
    assert answer[-1].end is EndReason.STOP


def test_closing_the_iterator_frees_the_slot(gemma: Started) -> None:
    """With one of two slots left running, its 900 tokens would be counted when the next request has ended."""
    runner, engine = gemma
    assert engine._client is not None
    client = engine._client

    async def generated() -> int:
        found = re.search(r"^llamacpp:tokens_predicted_total (\d+)", (await client.get("/metrics")).text, re.MULTILINE)
        assert found
        return int(found[1])

    async def run() -> None:
        before = await generated()
        for ids in [ids for ids in prompts(600) if len(ids) > 1][:2]:
            request = DecodeRequest(ids=ids, max_new_tokens=850)
            async with aclosing(engine.stream(request)) as answer:  # type: ignore[type-var]
                await anext(answer)
        assert engine.load() == (0, 0)
        for ids in prompts(600)[:4]:  # fill both slots again
            await ask(engine, ids, most=2)
        assert await generated() - before < 850

    runner.run(run())


def test_key_is_needed_and_not_in_the_command_line(gemma: Started) -> None:
    import httpx
    import psutil

    runner, engine = gemma
    assert engine._client is not None
    client = engine._client
    key = client.headers["authorization"].removeprefix("Bearer ")

    async def run() -> int:
        async with httpx.AsyncClient(base_url=client.base_url) as stranger:
            return (await stranger.post("/completion", json={"prompt": [400], "n_predict": 1})).status_code

    assert runner.run(run()) == 401
    own = psutil.Process().children(recursive=True)
    served = [process.cmdline() for process in own if "toolft_pipeline.engines.llama_cpp_server" in process.cmdline()]
    assert served
    assert not any(key in " ".join(line) for line in served)


def test_process_that_dies_is_an_error_and_a_second_close_does_nothing(folders: dict[str, Path], scratch: Path) -> None:
    import psutil

    async def run() -> None:
        before = {process.pid for process in psutil.Process().children(recursive=True)}
        engine = make(folders["gemma3"], scratch)
        await engine.start()
        assert engine.failure is None
        own = [process for process in psutil.Process().children(recursive=True) if process.pid not in before]
        async with aclosing(engine.stream(DecodeRequest(ids=(400, 401), max_new_tokens=900))) as answer:  # type: ignore[type-var]
            await anext(answer)
            for process in own:
                if "toolft_pipeline.engines.supervisor" not in process.cmdline():
                    process.kill()
            with pytest.raises(EngineError, match=r"llama\.cpp: its process ended"):
                async for _ in answer:
                    pass
        assert str(engine.failure).startswith("llama.cpp: its process has ended")
        await engine.close()
        assert engine.failure is None
        await engine.close()
        with pytest.raises(EngineError, match="being closed"):
            await ask(engine, (400,))

    asyncio.run(run())


def test_file_that_llama_cpp_cannot_load_is_quoted(folders: dict[str, Path], scratch: Path) -> None:
    from toolft_pipeline.engines.gguf_cache import exported_model

    exports = scratch / "broken"
    path = exported_model(folders["gemma3"], quantization="F32", stops=STOPS["gemma3"], cache=exports)
    path.write_bytes(path.read_bytes()[:10_000])

    async def run() -> None:
        settings = EngineSettings.model_validate({"name": "llama_cpp", "quantization": "F32", "context_tokens": 256})
        engine = LlamaCppEngine(settings=settings, folder=folders["gemma3"], stops=STOPS["gemma3"], exports=exports)
        with pytest.raises(EngineError, match=r"llama\.cpp: its process ended while it started; its last lines: \S+"):
            await engine.start()

    asyncio.run(run())
