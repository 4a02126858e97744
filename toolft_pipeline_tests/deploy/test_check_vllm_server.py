"""The check of a real vLLM server, run against a local one that has the tiny model behind vLLM's protocol."""

from __future__ import annotations

import importlib.util
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

import pytest

from toolft_pipeline.engines.vllm_command import served_name
from toolft_pipeline_tests.conftest import REPOSITORY
from toolft_pipeline_tests.engines.random_models import write_tiny
from toolft_pipeline_tests.engines.vllm.local_vllm import LocalVllm, serving
from toolft_pipeline_tests.engines.vllm.scripts import Script

ARGUMENTS = ("--type", "fp32", "--new-tokens", "12", "--least", "1")


@dataclass(frozen=True)
class Tiny:
    folder: Path
    greedy: Script


@pytest.fixture(scope="module")
def check() -> ModuleType:
    spec = importlib.util.spec_from_file_location("check_server", REPOSITORY / "deploy" / "vllm" / "check_server.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def tiny(check: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> Tiny:
    """The tiny Gemma 3 with its template, and its greedy next token by transformers."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    from toolft_pipeline.chat.formats import GEMMA3
    from toolft_pipeline.chat.rendering.serving import install_chat_format, serving_prompt
    from toolft_pipeline.settings import CatalogMode

    folder = write_tiny(tmp_path_factory.mktemp("vllm") / "model", "gemma3", tied=False)
    tokenizer = AutoTokenizer.from_pretrained(folder)
    install_chat_format(tokenizer, GEMMA3, CatalogMode.NONE)
    tokenizer.save_pretrained(folder)
    model = AutoModelForCausalLM.from_pretrained(folder).eval()
    stop = tokenizer.convert_tokens_to_ids("<end_of_turn>")
    asked = serving_prompt([{"role": "user", "content": check.REQUESTS[0]}], tokenizer=tokenizer).ids
    written = model.generate(torch.tensor([asked]), max_new_tokens=7, do_sample=False, eos_token_id=None)
    with torch.no_grad():  # where it wrote the last of these, it now ends the turn
        rows = model.get_output_embeddings().weight
        rows[stop] = 1.1 * rows[written[0, -1]]
    model.save_pretrained(folder)
    made: dict[tuple[int, ...], int] = {}

    def greedy(ids: tuple[int, ...], adapter: str) -> int:
        if adapter:
            return stop
        if ids not in made:
            with torch.inference_mode():
                made[ids] = int(model(torch.tensor([ids])).logits[0, -1].argmax())
        return made[ids]

    return Tiny(folder, greedy)


@pytest.fixture
def server(tiny: Tiny) -> Iterator[LocalVllm]:
    state = LocalVllm(folder=tiny.folder, name=served_name(tiny.folder), script=tiny.greedy, adapters={"desk": "/x"})
    with serving(state) as running:
        yield running


def run(check: ModuleType, server: LocalVllm, capsys: pytest.CaptureFixture[str], *more: str) -> tuple[int, str]:
    status = check.main([str(server.folder), "--url", server.address, *ARGUMENTS, *more])
    return status, capsys.readouterr().out


def test_true_server_passes_with_its_agreement_stated(
    check: ModuleType, server: LocalVllm, capsys: pytest.CaptureFixture[str]
) -> None:
    status, said = run(check, server, capsys, "--adapter", "desk")
    assert status == 0, said
    assert re.search(r"ok +greedy texts +8 of 8 as transformers in fp32", said)
    assert re.search(r"ok +batch +8 of 8 the same", said)
    assert re.search(r"ok +stop tokens +[1-8] of 8 ended", said)
    assert len(re.findall("^ok ", said, re.MULTILINE)) == 8


def test_server_of_other_weights_is_found_by_its_texts(
    check: ModuleType, server: LocalVllm, capsys: pytest.CaptureFixture[str]
) -> None:
    """Under this folder's name, as after a file was exchanged while the server ran."""
    true = server.script
    server.script = lambda ids, adapter: true((*ids, 400), adapter)
    status, said = run(check, server, capsys)
    assert status == 1
    assert re.search(r"FAILED +greedy texts +[0-7] of 8", said)


def test_server_that_drops_special_tokens_or_ignores_stops_or_adapters_is_found(
    check: ModuleType, server: LocalVllm, tiny: Tiny, capsys: pytest.CaptureFixture[str]
) -> None:
    server.ignores_adapters = True
    status, said = run(check, server, capsys, "--adapter", "desk")
    assert status == 1
    assert re.search("FAILED .*adapter desk answers 8 probes as its base does", said)
    server.ignores = ("stop_token_ids",)
    status, said = run(check, server, capsys)
    assert status == 1
    assert re.search(r"FAILED +stop tokens +0 of 8", said)


def test_server_that_is_not_there_is_one_line(
    check: ModuleType, tiny: Tiny, capsys: pytest.CaptureFixture[str]
) -> None:
    assert check.main([str(tiny.folder), "--url", "http://127.0.0.1:9", *ARGUMENTS]) == 1
    assert re.fullmatch(r"FAILED  vLLM at http://127\.0\.0\.1:9: not reached .*\n", capsys.readouterr().out)
