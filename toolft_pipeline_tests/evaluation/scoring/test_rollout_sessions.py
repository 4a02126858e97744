"""One live session a rollout: what the backend of a real MCP server was asked, whatever the pool and the faults."""

from __future__ import annotations

import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from toolft_pipeline.catalog.tool import parse_catalog
from toolft_pipeline.catalog.validator import CatalogValidator
from toolft_pipeline.evaluation.judge.task import PlannedCall, Task
from toolft_pipeline.evaluation.judge.transcript import StopReason, Transcript
from toolft_pipeline.evaluation.scoring.rollout import RolloutLimits
from toolft_pipeline.evaluation.scoring.rollouts import run_rollouts
from toolft_pipeline.sandbox.protocol import SandboxError, SandboxStateError
from toolft_pipeline.sandbox.session_pool import open_sessions
from toolft_pipeline.settings import SandboxSettings
from toolft_pipeline.trajectories.category import Category
from toolft_pipeline_tests.conftest import HANG_S, REPOSITORY
from toolft_pipeline_tests.evaluation.scripted import Message, ScriptedModel, call
from toolft_pipeline_tests.sandbox.conftest import is_alive

BACKEND = Path(__file__).with_name("slow_backend.py")
TOOL = {"name": "note", "inputSchema": {"type": "object", "properties": {"text": {"type": "string"}}}}
LIMITS = RolloutLimits(max_turns=12, max_prompt_tokens=1000, extra_calls=99)
N_TASKS = 5


def tasks() -> list[Task]:
    """Task n writes n + 1 notes and answers; each starts from a state of its own."""
    return [
        Task(
            task_id=f"t{n}", task_key="k", family="f", category=Category.MULTI_STEP, state_ref=f"state-{n}",
            user_turns=(f"task {n}",), expected_state="", gold=(), plan=tuple(
                PlannedCall(id=str(m), name="note", arguments={"text": f"{n}-{m}"}, turn=0) for m in range(n + 1)
            ),
        )
        for n in range(N_TASKS)
    ]  # fmt: skip


def answer(messages: list[Message]) -> str:
    """Two notes in the first turn of an odd task, then one a turn."""
    n, made = int(messages[0]["content"].split()[1]), sum(message["role"] == "tool" for message in messages)
    if made > n:
        return f"Wrote {made} notes: {messages[-1]['content']}"
    texts = [f"{n}-{made}"] + ([f"{n}-{made + 1}"] if n % 2 and not made else [])
    return "\n".join(call("note", text=text) for text in texts)


def settings(tmp_path: Path, **env: str) -> SandboxSettings:
    log = tmp_path / "calls.log"
    log.unlink(missing_ok=True)
    log.touch()
    return SandboxSettings(
        command=("python", str(BACKEND)), env={"CALL_LOG": str(log)} | env, start_timeout_s=600.0, call_timeout_s=60.0
    )


def transcripts(
    sandbox: SandboxSettings, tmp_path: Path, *, size: int, model: ScriptedModel | None = None
) -> list[Transcript]:
    model = model or ScriptedModel(answer)
    with open_sessions(sandbox, cwd=tmp_path, size=size) as sessions:
        return run_rollouts(
            tasks(), prompter=model, generator=model, sessions=sessions,
            validator=CatalogValidator(parse_catalog([TOOL], where="test")), limits=LIMITS,
        )  # fmt: skip


def asked(tmp_path: Path) -> Counter[str]:
    return Counter((tmp_path / "calls.log").read_text().splitlines())


def servers(tmp_path: Path) -> list[int]:
    pids = tmp_path / "calls.pids"
    return [int(pid) for pid in pids.read_text().split()] if pids.exists() else []


ONCE = Counter([f"reset state-{n}" for n in range(N_TASKS)] + [f"call state-{n} {n}-{m}" for n in range(N_TASKS)
               for m in range(n + 1)])  # fmt: skip


@pytest.mark.parametrize("size", [1, 3, N_TASKS])
def test_rollouts_reset_and_call_once_and_end_alike_for_any_pool(tmp_path: Path, size: int) -> None:
    model = ScriptedModel(answer)
    ended = transcripts(settings(tmp_path), tmp_path, size=size, model=model)
    assert asked(tmp_path) == ONCE
    assert len(servers(tmp_path)) == size
    assert not any(map(is_alive, servers(tmp_path)))
    assert max(model.batches) == size
    assert [len(list(each.calls_made())) for each in ended] == [n + 1 for n in range(N_TASKS)]
    assert {each.stop for each in ended} == {StopReason.ANSWERED}
    assert len({each.final_state for each in ended}) == N_TASKS
    texts = [each.turns[-1].text for each in ended]
    assert texts == [f'Wrote {n + 1} notes: {{"notes": {n + 1}}}' for n in range(N_TASKS)]


def test_rollouts_transcripts_do_not_depend_on_the_pool(tmp_path: Path) -> None:
    """Latencies are the number of the prompt in `ScriptedModel`, which depends on who asks first: left out."""

    def outcomes(size: int) -> list[tuple[object, ...]]:
        ended = transcripts(settings(tmp_path), tmp_path, size=size)
        return [
            (
                each.task_id,
                each.stop,
                each.final_state,
                [(turn.user_turn, turn.text, turn.calls) for turn in each.turns],
            )
            for each in ended
        ]

    assert outcomes(1) == outcomes(3) == outcomes(N_TASKS)


@pytest.mark.parametrize("how", ["die", "hang"])
def test_rollouts_after_a_fault_only_that_rollout_repeats_its_calls(tmp_path: Path, how: str) -> None:
    calm = [each.final_state for each in transcripts(settings(tmp_path), tmp_path, size=3)]
    faulty = settings(tmp_path, FAULT=f"{how}:3-2:once")
    if how == "hang":
        faulty = faulty.model_copy(update={"call_timeout_s": 3.0})
    ended = transcripts(faulty, tmp_path, size=3)
    assert [each.final_state for each in ended] == calm
    assert {each.stop for each in ended} == {StopReason.ANSWERED}
    repeated = Counter(["reset state-3", "call state-3 3-0", "call state-3 3-1", "call state-3 3-2"])
    assert asked(tmp_path) == ONCE + repeated


def test_rollouts_backend_that_fails_twice_ends_one_rollout_alone(tmp_path: Path) -> None:
    calm = [each.final_state for each in transcripts(settings(tmp_path), tmp_path, size=2)]
    ended = transcripts(settings(tmp_path, FAULT="die:2-1"), tmp_path, size=2)
    assert [each.stop for each in ended] == [
        StopReason.SANDBOX_FAILED if n == 2 else StopReason.ANSWERED for n in range(N_TASKS)
    ]
    assert ended[2].final_state == ""
    assert [each.final_state for n, each in enumerate(ended) if n != 2] == [
        state for n, state in enumerate(calm) if n != 2
    ]
    assert asked(tmp_path)["call state-2 2-1"] == 2
    assert not any(map(is_alive, servers(tmp_path)))


def test_session_pool_gives_out_no_more_than_its_size(tmp_path: Path) -> None:
    with (
        open_sessions(settings(tmp_path), cwd=tmp_path, size=1) as pool,
        pool.borrowed(),
        pytest.raises(SandboxError, match="all 1 sandbox sessions are in use"),
    ):
        pool.take()


def test_rollouts_error_gives_every_session_back(tmp_path: Path) -> None:
    def refuse(messages: list[Message]) -> str:
        raise SandboxStateError("stop here")

    model = ScriptedModel(refuse)
    with open_sessions(settings(tmp_path), cwd=tmp_path, size=2) as sessions:
        for _ in range(2):
            with pytest.raises(SandboxStateError, match="stop here"):
                run_rollouts(
                    tasks(), prompter=model, generator=model, sessions=sessions,
                    validator=CatalogValidator(parse_catalog([TOOL], where="test")), limits=LIMITS,
                )  # fmt: skip


INTERRUPTED = """
import os, signal, sys, threading, time
from pathlib import Path
from toolft_pipeline_tests.evaluation.scoring import test_rollout_sessions as tests

here = Path.cwd()


def interrupt():
    log = here / "calls.log"
    while not log.exists() or "call state-0" not in log.read_text():
        time.sleep(0.01)
    os.kill(os.getpid(), signal.SIGINT)


settings = tests.settings(here, CALL_S="0.2", STUBBORN="yes")
threading.Thread(target=interrupt, daemon=True).start()
try:
    tests.transcripts(settings, here, size=3)
except KeyboardInterrupt:
    print("interrupted", sum(map(tests.is_alive, tests.servers(here))))
"""


def test_interrupted_rollouts_leave_no_server(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", INTERRUPTED],
        cwd=tmp_path, env=os.environ | {"PYTHONPATH": str(REPOSITORY)}, capture_output=True, text=True, check=False,
        timeout=HANG_S,
    )  # fmt: skip
    assert done.stdout == "interrupted 0\n", done.stderr
    assert servers(tmp_path)
    assert not any(map(is_alive, servers(tmp_path)))
