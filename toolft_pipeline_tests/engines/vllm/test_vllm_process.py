"""A vLLM server that we start: its command line, its key, its end; real processes of a stand-in program."""

from __future__ import annotations

import asyncio
import json
import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import psutil
import pytest

from toolft_pipeline.engines.engine import DecodeRequest, EngineError
from toolft_pipeline.engines.vllm_command import served_name, server_rank, vllm_command
from toolft_pipeline.engines.vllm_engine import VllmEngine
from toolft_pipeline.settings.serving import EngineSettings
from toolft_pipeline_tests.engines.model_folders import STOPS, write_adapter, write_folder
from toolft_pipeline_tests.engines.process_ends import wait_for_end
from toolft_pipeline_tests.engines.vllm.vllm_program import PROGRAM


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_folder(tmp_path_factory.mktemp("model"))


def settings(**changed: Any) -> EngineSettings:
    return EngineSettings.model_validate({"name": "vllm", "command": PROGRAM, **changed})


def processes(lines: list[str]) -> list[psutil.Process]:
    """The server and its worker, by what it wrote."""
    return [psutil.Process(pid) for pid in pids(lines)]


def pids(lines: list[str]) -> list[int]:
    found = re.search(r"processes (\d+) (\d+)", "\n".join(lines))
    assert found, lines
    return [int(pid) for pid in found.groups()]


def test_started_server_answers_and_leaves_no_process(folder: Path, tmp_path: Path) -> None:
    """Its worker ignores SIGTERM, as an engine stuck in a kernel does."""
    lines: list[str] = []
    adapter = write_adapter(tmp_path / "desk")

    async def run() -> None:
        engine = VllmEngine(
            settings=settings(), folder=folder, stops=STOPS, adapters={"desk": adapter}, progress=lines.append
        )
        await engine.start()
        server, worker = processes(lines)
        command, environment = server.cmdline(), server.environ()
        key = environment["VLLM_API_KEY"]
        assert key not in " ".join(command)
        assert environment["VLLM_ALLOW_RUNTIME_LORA_UPDATING"] == "True"
        assert {each.laddr.ip for each in server.net_connections() if each.status == psutil.CONN_LISTEN} == {
            "127.0.0.1"
        }
        request = DecodeRequest(ids=(5, 6), max_new_tokens=8)
        base = [chunk.text async for chunk in engine.stream(request)]
        assert base != [chunk.text async for chunk in engine.for_adapter("desk").stream(request)]
        await engine.close()
        wait_for_end(server.pid)
        wait_for_end(worker.pid)
        await engine.close()

    asyncio.run(run())


def test_keys_differ_from_start_to_start(folder: Path) -> None:
    from toolft_pipeline.engines.server_process import new_key

    assert len({new_key() for _ in range(100)}) == 100
    assert min(len(new_key()) for _ in range(100)) >= 32


def test_process_that_ends_at_its_start_is_quoted(folder: Path) -> None:
    async def run() -> None:
        engine = VllmEngine(settings=settings(options=("--dies", "early")), folder=folder, stops=STOPS)
        with pytest.raises(EngineError, match=r"ended while it started.*CUDA out of memory"):
            await engine.start()

    asyncio.run(run())


def test_program_that_is_not_there_is_named(folder: Path) -> None:
    async def run() -> None:
        engine = VllmEngine(settings=settings(command=("no-such-vllm",)), folder=folder, stops=STOPS)
        with pytest.raises(EngineError, match="no-such-vllm: No such file"):
            await engine.start()

    asyncio.run(run())


def test_process_that_dies_within_an_answer_is_an_error_with_its_last_lines(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LOCAL_VLLM_EXITS", "1")
    lines: list[str] = []

    async def run() -> None:
        engine = VllmEngine(settings=settings(), folder=folder, stops=STOPS, progress=lines.append)
        await engine.start()
        with pytest.raises(EngineError, match=r"its process ended.*INFO processes"):
            [chunk async for chunk in engine.stream(DecodeRequest(ids=(5, 6), max_new_tokens=40))]
        await engine.close()
        for pid in pids(lines):
            wait_for_end(pid)

    asyncio.run(run())


KILLED = """
import asyncio, sys
from pathlib import Path
from toolft_pipeline.engines.vllm_engine import VllmEngine
from toolft_pipeline.settings.serving import EngineSettings

async def run():
    settings = EngineSettings(name="vllm", command=tuple(sys.argv[2:]))
    say = lambda line: print(line, flush=True)
    engine = VllmEngine(settings=settings, folder=Path(sys.argv[1]), stops=(), progress=say)
    await engine.start()
    print("ready", flush=True)
    await asyncio.Event().wait()

asyncio.run(run())
"""


def test_server_ends_with_a_parent_that_is_killed(folder: Path) -> None:
    parent = subprocess.Popen([sys.executable, "-c", KILLED, str(folder), *PROGRAM], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    lines = []
    for line in parent.stdout:
        lines.append(line)
        if line == "ready\n":
            break
    left = processes(lines)
    assert all(process.is_running() for process in left)
    parent.send_signal(signal.SIGKILL)
    parent.wait()
    for process in left:
        wait_for_end(process.pid)


def test_command_line_is_the_documented_one(folder: Path, tmp_path: Path) -> None:
    line = vllm_command(
        EngineSettings.model_validate(
            {"name": "vllm", "batch_size": 64, "context_tokens": 256, "options": ["--gpu-memory-utilization", "0.8"]}
        ),
        folder=folder,
        name="toolft-1",
        port=8123,
        adapters={"a": write_adapter(tmp_path / "a", rank=8), "b": write_adapter(tmp_path / "b", rank=24)},
    )
    assert line == [
        *("vllm", "serve", str(folder), "--served-model-name", "toolft-1", "--host", "127.0.0.1", "--port", "8123"),
        *("--max-model-len", "256", "--max-num-seqs", "64", "--generation-config", "vllm"),
        *(
            "--enable-lora",
            "--max-loras",
            "2",
            "--max-lora-rank",
            "32",
            "--lora-modules",
            f"a={tmp_path / 'a'}",
            f"b={tmp_path / 'b'}",
        ),
        *("--gpu-memory-utilization", "0.8"),
    ]


@pytest.mark.parametrize("option", ["--host", "--api-key=x", "--served_model_name", "--generation-config=auto"])
def test_options_that_would_break_the_engine_s_promises_are_refused(folder: Path, option: str) -> None:
    with pytest.raises(EngineError, match=r"serving\.engine\.options: --"):
        vllm_command(settings(options=(option,)), folder=folder, name="m", port=1)


def test_context_is_at_most_the_model_s_and_8192_where_nobody_says(folder: Path, tmp_path: Path) -> None:
    def context(folder: Path, **changed: Any) -> str:
        line = vllm_command(settings(**changed), folder=folder, name="m", port=1)
        return line[line.index("--max-model-len") + 1]

    assert context(folder) == "512"
    (tmp_path / "config.json").write_text(json.dumps({"text_config": {"max_position_embeddings": 131072}}))
    assert context(tmp_path) == "8192"
    assert context(tmp_path, context_tokens=20000) == "20000"
    with pytest.raises(EngineError, match="has 512 positions"):
        context(folder, context_tokens=513)


def test_rank_beyond_vllm_s_largest_is_refused(folder: Path, tmp_path: Path) -> None:
    assert [server_rank(rank) for rank in (1, 2, 8, 9, 33, 512)] == [1, 8, 8, 16, 64, 512]
    with pytest.raises(EngineError, match="rank 513"):
        server_rank(513)
    with pytest.raises(EngineError, match=r"adapter_config\.json"):
        vllm_command(settings(), folder=folder, name="m", port=1, adapters={"a": tmp_path})


def test_name_follows_everything_that_decides_an_answer(tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "model")
    names = {served_name(folder)}
    for file in ("model.safetensors", "config.json", "tokenizer.json"):
        content = (folder / file).read_bytes()
        (folder / file).write_bytes(content + b" ")
        names.add(served_name(folder))
        (folder / file).write_bytes(content)
    assert len(names) == 4
    (folder / "README.md").write_text("a note")
    assert served_name(folder) in names
