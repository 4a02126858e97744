"""Replay against a real MCP process: the misbehaving backend of the sandbox tests."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from toolft_pipeline.sandbox.kinds import open_sandbox
from toolft_pipeline.sandbox.mcp_session import McpSandbox
from toolft_pipeline.sandbox.state import state_digest
from toolft_pipeline.settings import SandboxSettings
from toolft_pipeline.trajectories.record import Message, Trajectory
from toolft_pipeline.verification.replay.replay import replay
from toolft_pipeline.verification.replay.replay_pool import RunCheck, replay_all
from toolft_pipeline.verification.rules.state_grounding import ungrounded_values
from toolft_pipeline.verification.rules.verdict import Fault, Violation
from toolft_pipeline_tests.conversations import calls, result, says, trajectory, user

BACKEND = Path(__file__).parents[2] / "sandbox" / "backend.py"
SETTINGS = SandboxSettings(
    command=("python", str(BACKEND), "normal"),
    env={"BACKEND_PID_FILE": os.devnull},
    volatile=("pid",),
    start_timeout_s=600.0,
    call_timeout_s=60.0,
    trajectory_timeout_s=600.0,
    sessions=1,
)


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[McpSandbox]:
    with open_sandbox(SETTINGS, cwd=tmp_path_factory.mktemp("cwd")) as opened:
        yield opened


def noted(number: int, text: str) -> str:
    return json.dumps({"notes": number, "text": text})


def final(*notes: list[str]) -> str:
    state = {"name": "s", "notes": list(notes), "pid": None}
    return state_digest(json.dumps(state, sort_keys=True, separators=(",", ":")))


def named(name: str) -> str:
    state = {"name": name, "notes": [[name, "untagged"]], "pid": None}
    return state_digest(json.dumps(state, sort_keys=True, separators=(",", ":")))


def note(id_: str, text: str) -> tuple[str, str, dict[str, Any]]:
    return id_, "note", {"text": text}


def run(*messages: Message, final_state: str | None, initial: str | None = "s", id_: str = "run-1") -> Trajectory:
    talk = (user("note it"), *messages, says("noted"))
    return trajectory(*talk, initial_state_ref=initial, final_state_ref=final_state, id_=id_)


TRUE_RUN = run(
    calls(note("a", "x"), note("b", "y")),
    result("b", "note", noted(2, "y")),
    result("a", "note", '{"text":"x","notes":1}'),
    calls(note("a", "forbidden")),
    result("a", "note", "Error: this text is forbidden"),
    final_state=final(["x", "untagged"], ["y", "untagged"]),
)


def fault(violation: Violation | None) -> Fault | None:
    return None if violation is None else violation.fault


def test_replay_true_run_agrees_in_results_errors_and_final_state(sandbox: McpSandbox) -> None:
    assert replay(sandbox, TRUE_RUN, volatile=("pid",)) is None


def test_replay_failure_in_the_servers_own_words_agrees_and_another_does_not(sandbox: McpSandbox) -> None:
    def recorded(text: str) -> Trajectory:
        return run(calls(note("a", "forbidden")), result("a", "note", text), final_state=final())

    assert replay(sandbox, recorded("Error executing tool note: this text is forbidden"), volatile=("pid",)) is None
    for lie in ("Error executing tool note: gone", "Error executing tool find: this text is forbidden", "forbidden"):
        assert fault(replay(sandbox, recorded(lie), volatile=("pid",))) is Fault.RESULT_DIFFERS
    forged = run(
        calls(note("a", "x")),
        result("a", "note", "Error executing tool note: no"),
        final_state=final(["x", "untagged"]),
    )
    assert fault(replay(sandbox, forged, volatile=("pid",))) is Fault.RESULT_DIFFERS


def test_replay_after_another_run_starts_from_a_fresh_state(sandbox: McpSandbox) -> None:
    assert replay(sandbox, TRUE_RUN, volatile=("pid",)) is None
    assert replay(sandbox, TRUE_RUN, volatile=("pid",)) is None


@pytest.mark.parametrize(
    ("lie", "expected"),
    [
        ((calls(note("a", "x")), result("a", "note", noted(2, "x"))), Fault.RESULT_DIFFERS),
        ((calls(note("a", "x")), result("a", "note", noted(1, "z"))), Fault.RESULT_DIFFERS),
        ((calls(note("a", "x")), result("a", "note", "Error: out of paper")), Fault.RESULT_DIFFERS),
        ((calls(note("a", "forbidden")), result("a", "note", noted(1, "forbidden"))), Fault.RESULT_DIFFERS),
        ((), Fault.FINAL_STATE_DIFFERS),
        (
            (
                calls(note("a", "x"), note("b", "y")),
                result("a", "note", noted(1, "x")),
                result("b", "note", noted(2, "y")),
            ),
            Fault.FINAL_STATE_DIFFERS,
        ),
        (
            (calls(("a", "note", {"text": "x", "tag": "t"})), result("a", "note", noted(1, "x"))),
            Fault.FINAL_STATE_DIFFERS,
        ),
    ],
)
def test_replay_forged_or_changed_run_is_caught(sandbox: McpSandbox, lie: tuple[Message, ...], expected: Fault) -> None:
    violation = replay(sandbox, run(*lie, final_state=final(["x", "untagged"])), volatile=("pid",))
    assert fault(violation) is expected


@pytest.mark.parametrize("final_state", [None, "sha256:1"])
def test_replay_without_a_recorded_initial_state_is_not_replayable(
    sandbox: McpSandbox, final_state: str | None
) -> None:
    violation = replay(sandbox, run(initial=None, final_state=final_state), volatile=())
    assert fault(violation) is Fault.NOT_REPLAYABLE


@pytest.mark.parametrize(("recorded", "expected"), [("x", Fault.NO_FINAL_STATE), ("forged", Fault.RESULT_DIFFERS)])
def test_replay_without_a_recorded_final_state_still_compares_every_result(
    sandbox: McpSandbox, recorded: str, expected: Fault
) -> None:
    wrote = run(calls(note("a", "x")), result("a", "note", noted(1, recorded)), final_state=None)
    assert fault(replay(sandbox, wrote, volatile=("pid",))) is expected


def test_replay_without_a_recorded_final_state_still_asks_what_was_read(sandbox: McpSandbox) -> None:
    unread = run(
        calls(note("a", "Ursula")), result("a", "note", noted(1, "Ursula")), initial="Ursula", final_state=None
    )
    assert (
        fault(replay(sandbox, unread, volatile=("pid",), ungrounded=ungrounded_values(unread.messages, schemas={})))
        is Fault.UNREAD_VALUE
    )


@pytest.mark.parametrize(("volatile", "expected"), [(("pid",), None), ((), Fault.RESULT_DIFFERS)])
def test_replay_result_may_differ_where_the_agent_file_declares_it(
    sandbox: McpSandbox, volatile: tuple[str, ...], expected: Fault | None
) -> None:
    recorded = run(calls(("a", "who", {})), result("a", "who", '{"pid": 1, "name": "s"}'), final_state=final())
    assert fault(replay(sandbox, recorded, volatile=volatile)) is expected
    other = run(calls(("a", "who", {})), result("a", "who", '{"pid": 1, "name": "t"}'), final_state=final())
    assert fault(replay(sandbox, other, volatile=volatile)) is Fault.RESULT_DIFFERS


def test_replay_rejects_value_used_before_it_was_read(sandbox: McpSandbox) -> None:
    noted_name = run(calls(note("a", "Ursula")), result("a", "note", noted(1, "Ursula")), final_state=named("Ursula"))
    noted_name = msgspec.structs.replace(noted_name, initial_state_ref="Ursula")
    assert replay(sandbox, noted_name, volatile=("pid",)) is None
    ungrounded = ungrounded_values(noted_name.messages, schemas={})
    assert fault(replay(sandbox, noted_name, volatile=("pid",), ungrounded=ungrounded)) is Fault.UNREAD_VALUE


def judged(*runs: Trajectory) -> Iterator[RunCheck]:
    return (RunCheck(run=item, renamed=False, violation=None) for item in runs)


def test_replay_all_backend_failures_are_their_own_reasons_and_spare_the_other_runs(tmp_path: Path) -> None:
    mark = str(tmp_path / "mark")
    runs = [
        TRUE_RUN,
        run(calls(("a", "die", {})), result("a", "die", ""), final_state=final(), id_="dies"),
        run(calls(("a", "die_once", {"mark": mark})), result("a", "die_once", "{}"), final_state=final(), id_="once"),
        run(calls(("a", "hang", {})), result("a", "hang", ""), final_state=final(), id_="hangs"),
        run(final_state=final(), initial="unknown", id_="unknown"),
        run(final_state=final(), initial="opaque", id_="opaque"),
        TRUE_RUN,
    ]
    settings = SETTINGS.model_copy(update={"call_timeout_s": 4.0, "sessions": 2})
    faults = [fault(item.violation) for item in replay_all(judged(*runs), sandbox=settings, cwd=tmp_path)]
    assert faults == [
        None,
        Fault.SANDBOX_CRASHED,
        None,
        Fault.SANDBOX_TIMEOUT,
        Fault.UNKNOWN_STATE,
        Fault.UNKNOWN_STATE,
        None,
    ]


@pytest.mark.parametrize(
    ("call_s", "run_s", "named"),
    [(4.0, 600.0, r"\(sandbox\.call_timeout_s; raise it"), (600.0, 4.0, r"\(sandbox\.trajectory_timeout_s; raise it")],
)
def test_replay_all_hanging_server_costs_a_call_or_a_run_no_more_than_its_limit(
    tmp_path: Path, call_s: float, run_s: float, named: str
) -> None:
    hanging = run(calls(("a", "hang", {})), result("a", "hang", ""), final_state=final())
    settings = SETTINGS.model_copy(update={"call_timeout_s": call_s, "trajectory_timeout_s": run_s})
    (first, second) = replay_all(judged(hanging, TRUE_RUN), sandbox=settings, cwd=tmp_path)
    assert (fault(first.violation), fault(second.violation)) == (Fault.SANDBOX_TIMEOUT, None)
    assert first.violation is not None
    assert re.search(named, first.violation.reason)


def test_replay_all_cached_replays_keep_their_place_and_reach_no_sandbox(tmp_path: Path) -> None:
    pids = tmp_path / "pids"
    pids.touch()
    settings = SETTINGS.model_copy(update={"env": {"BACKEND_PID_FILE": str(pids)}})

    def items(*cached: bool) -> list[RunCheck]:
        false = run(final_state="sha256:never")
        return [RunCheck(run=false, renamed=False, violation=None, replay_cached=each) for each in cached]

    out = list(replay_all(iter(items(True, True)), sandbox=settings, cwd=tmp_path))
    assert ([item.passed for item in out], pids.read_text()) == ([True, True], "")
    out = list(replay_all(iter(items(True, False, True, False)), sandbox=settings, cwd=tmp_path))
    assert [item.passed for item in out] == [True, False, True, False]
    assert [item.replayed for item in out] == [False, True, False, True]


def test_replay_all_keeps_the_order_of_rejected_and_replayed_runs(tmp_path: Path) -> None:
    broken = Violation(rule="structure", fault=Fault.NO_ANSWER, reason="x")
    items = [
        RunCheck(
            run=trajectory(user("x"), id_=str(n), initial_state_ref=None),
            renamed=False,
            violation=None if n % 3 else broken,
        )
        for n in range(20)
    ]
    out = list(replay_all(iter(items), sandbox=SETTINGS, cwd=tmp_path))
    assert [item.run.trajectory_id for item in out] == [str(n) for n in range(20)]
    assert [fault(item.violation) is Fault.NO_ANSWER for item in out] == [n % 3 == 0 for n in range(20)]


def test_replay_all_without_a_candidate_starts_no_sandbox(tmp_path: Path) -> None:
    nowhere = SandboxSettings(command=("no-such-command",))
    broken = Violation(rule="structure", fault=Fault.NO_ANSWER, reason="x")
    items = [RunCheck(run=TRUE_RUN, renamed=False, violation=broken)]
    assert len(list(replay_all(iter(items), sandbox=nowhere, cwd=tmp_path))) == 1


def test_replay_all_without_a_sandbox_is_not_replayable(tmp_path: Path) -> None:
    (item,) = replay_all(judged(TRUE_RUN), sandbox=None, cwd=tmp_path)
    assert fault(item.violation) is Fault.NOT_REPLAYABLE
    assert not item.replayed
