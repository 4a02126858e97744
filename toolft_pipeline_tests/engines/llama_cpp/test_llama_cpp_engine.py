"""llama.cpp's real server over exported tiny models: the tokens of transformers, families apart."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from toolft_pipeline.engines.engine import Chunk, ContextLengthError, EndReason
from toolft_pipeline.engines.llama_cpp_engine import LlamaCppEngine
from toolft_pipeline_tests.engines.llama_cpp.llama_cpp_requests import (
    Started,
    ask,
    greedy,
    make,
    prompts,
    stop_ids,
    tokens,
)
from toolft_pipeline_tests.engines.random_models import FAMILIES

pytest.importorskip("xllamacpp", reason="no llama.cpp: pip install -e '.[llama-cpp]'")


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
