"""A random model behind the server: over HTTP it writes what evaluation gets of the same prompt, token for token."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from toolft_pipeline.chat.formats import FORMATS
from toolft_pipeline.chat.rendering.serving import install_chat_format
from toolft_pipeline.compute_type import ComputeType
from toolft_pipeline.engines.transformers_engine import TransformersEngine
from toolft_pipeline.settings import CatalogMode
from toolft_pipeline.settings.serving import EngineSettings
from toolft_pipeline_tests.conftest import HANG_S
from toolft_pipeline_tests.engines.decoded_models import TinyModel
from toolft_pipeline_tests.serving.api.client_side import TOOLS, chat, joined, whole
from toolft_pipeline_tests.serving.api.models import served_model
from toolft_pipeline_tests.serving.api.running import Running, running

QUESTIONS = ("Hi", "Find Ada.", "What is 2+3?")


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> TinyModel:
    made = TinyModel(tmp_path_factory.mktemp("tiny") / "qwen3", "qwen3")
    install_chat_format(made.tokenizer, FORMATS["qwen3"], CatalogMode.FULL)
    return made


@pytest.fixture(scope="module")
def serving(tiny: TinyModel) -> Iterator[Running]:
    model = served_model(tiny.tokenizer, "qwen3", folder=Path(tiny.folder))
    engine = TransformersEngine(
        tiny.folder, stops=model.prompter.stops, settings=EngineSettings(threads=1), compute=ComputeType.FP32,
        tokenizer=tiny.tokenizer,
    )  # fmt: skip
    with running(model, engine=engine) as started:
        asyncio.run_coroutine_threadsafe(engine.start(), started.loop).result(HANG_S)
        yield started
        asyncio.run_coroutine_threadsafe(engine.close(), started.loop).result(HANG_S)


def test_turns_are_those_of_evaluation(serving: Running, tiny: TinyModel) -> None:
    """Side by side, whole and streamed; a random model's turn is cut or malformed, and says so."""

    def ask(question: str) -> tuple[str, dict[str, object], dict[str, object]]:
        asked = {"content": question, "tools": TOOLS, "max_tokens": 12}
        complete = chat(serving, **asked)
        return complete.id, whole(complete), joined(chat(serving, stream=True, **asked))

    with ThreadPoolExecutor(len(QUESTIONS)) as clients:
        answers = list(clients.map(ask, QUESTIONS))
    for answer_id, complete, streamed in answers:
        turn = serving.seen.of(answer_id)
        alone, tokens = tiny.alone(turn.prompt_ids, max_new_tokens=12, stops=("<|im_end|>", "<|endoftext|>"))
        assert turn.raw_text == alone.text
        assert list(turn.completion_ids) == tokens
        assert turn.n_new_tokens == len(tokens)
        assert (turn.fault == "length") is not alone.finished
        assert (streamed["reason"], streamed["error"]) == (complete["reason"], complete["error"])
    assert {turn for _, complete, _ in answers for turn in [complete["reason"]]} <= {
        "length", "malformed_tool_call", "stop",
    }  # fmt: skip
