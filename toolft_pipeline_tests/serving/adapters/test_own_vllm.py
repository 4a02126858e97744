"""Adapters over a vLLM that we start: one process for all models, behind a key of its own, replaced if it dies."""

from __future__ import annotations

import json
from collections.abc import Callable

import httpx
import psutil
import pytest

from toolft_pipeline.engines.engine import EngineError
from toolft_pipeline.engines.vllm_command import served_name
from toolft_pipeline_tests.engines.process_ends import wait_for_end
from toolft_pipeline_tests.engines.vllm.vllm_program import PROGRAM
from toolft_pipeline_tests.serving.adapters.desk_of_adapters import AdapterDesk, AdapterServing

Start = Callable[..., AdapterServing]

OWN = {"command": PROGRAM, "context_tokens": 4096}


@pytest.fixture(autouse=True)
def answers_name_their_adapter(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOCAL_VLLM_SPELLS", "1")


def servers() -> list[psutil.Process]:
    """The vLLM processes that this one has started, without supervisors and workers."""
    children = psutil.Process().children(recursive=True)
    return [each for each in children if "serve" in each.cmdline() and PROGRAM[-1] == each.cmdline()[2]]


def test_one_process_serves_every_model_and_nobody_else_reaches_it(adapters: AdapterDesk, start: Start) -> None:
    serving = start(engine=OWN)
    first, second = adapters.models[:2]
    (process,) = servers()
    command, key = process.cmdline(), process.environ()["VLLM_API_KEY"]
    assert command[command.index("--max-lora-rank") + 1] == "16"  # of training.lora_r; the adapters have 8
    assert command[command.index("--served-model-name") + 1] == served_name(adapters.base_folder)
    assert key not in " ".join(command)
    (listens,) = {each.laddr for each in process.net_connections() if each.status == psutil.CONN_LISTEN}
    assert listens.ip == "127.0.0.1"
    body = {"lora_name": adapters.adapter(first), "lora_path": str(adapters.base_folder)}
    for door in ("load", "unload"):
        url = f"http://127.0.0.1:{listens.port}/v1/{door}_lora_adapter"
        assert httpx.post(url, json=body, trust_env=False).status_code == 401  # open only with our key
        assert serving.app.post(f"/v1/{door}_lora_adapter", body).status_code == 404

    def loaded() -> set[str]:
        headers = {"authorization": f"Bearer {key}"}
        answer = httpx.get(f"http://127.0.0.1:{listens.port}/v1/models", headers=headers, trust_env=False)
        return {each["id"] for each in answer.json()["data"] if each["parent"]}

    assert loaded() == {adapters.adapter(first)}
    assert serving.ask() == adapters.said(first)
    adapters.desk.promote(second)
    serving.until(lambda: serving.serves(second) and loaded() == {adapters.adapter(second)})
    assert serving.ask() == adapters.said(second)
    assert servers() == [process]
    serving.close()
    wait_for_end(process.pid)


def test_process_that_dies_is_replaced_with_the_adapters_in_it(adapters: AdapterDesk, start: Start) -> None:
    serving = start(engine=OWN, canary={"share": 0.5})
    (process,) = servers()
    process.kill()
    serving.until(lambda: bool(serving.notices) and serving.champion_answers())
    candidate = adapters.models[2].manifest.content_digest
    serving.until(lambda: candidate in json.dumps(serving.parts.router.status()["models"]))
    answers = {serving.ask(f"c-{number}") for number in range(20)}
    assert answers == {adapters.said(adapters.models[0]), adapters.said(adapters.models[2])}
    assert len(servers()) == 1


def test_rank_above_the_running_server_s_is_said_with_the_setting(adapters: AdapterDesk, start: Start) -> None:
    serving = start(engine=OWN)
    larger = adapters.desk.model("2026-10-04", "four", base=adapters.base, adapter_config={"r": 32})
    adapters.desk.promote(larger)
    serving.until(lambda: bool(serving.notices))
    assert "set serving.engine.max_lora_rank to 32 and start `toolft serve` again" in serving.notices[0].error
    assert serving.ask() == adapters.said(adapters.models[0])
    serving.close()
    again = start(engine={**OWN, "max_lora_rank": 32})
    assert again.ask() == adapters.said(larger)
    again.close()
    with pytest.raises(EngineError, match=r"max_lora_rank 8: .* has rank 32; set it to 32"):
        start(engine={**OWN, "max_lora_rank": 8})
    assert not servers()


def test_model_of_full_training_is_refused_before_a_server_starts(adapters: AdapterDesk, start: Start) -> None:
    model = adapters.desk.model("2026-10-04", "four", base=adapters.base, full=True)
    adapters.desk.promote(model)
    with pytest.raises(EngineError, match=r"training\.method: full.*serving\.engine\.adapters to false"):
        start(engine={"command": ("no-such-vllm",)})
