from __future__ import annotations

import json
import stat
from pathlib import Path

import msgspec
import pytest

from toolft_pipeline.ingest.parsing.served_key import ServedKey, whole_prompts
from toolft_pipeline.serving.run_log.run_log import RunLog
from toolft_pipeline.serving.served_turn import TurnFault
from toolft_pipeline.trajectories.record import Origin
from toolft_pipeline_tests.conftest import HANG_S
from toolft_pipeline_tests.serving.run_log.run_logs import DAY, Clock, day_files, lines, open_log, read
from toolft_pipeline_tests.serving.run_log.turns import served, two_turns, user


def test_a_conversation_becomes_one_run_of_the_day(log: RunLog, tmp_path: Path) -> None:
    for turn in two_turns(metadata={"initial_state": "office-1", "task_id": "t-1", "other": "x"}):
        log.observe(turn)
    log.flush(everything=True, timeout=HANG_S)
    summary, [run] = read(tmp_path)
    assert (summary.runs, summary.rejects, summary.served.turns, summary.keys_not_read) == (1, 0, 2, {})
    assert (run.origin, run.initial_state_ref, run.task_id) == (Origin.SERVED, "office-1", "t-1")
    assert [message.role for message in run.messages] == ["system", "user", "assistant", "tool", "assistant"]
    assert run.messages[2].tool_calls[0].arguments_json == '{"expression": "62 * 45"}'
    assert run.usage.prompt_tokens == 10
    assert run.usage.completion_tokens == 3
    assert run.usage.latency_ms == 25.0
    [line] = lines(tmp_path)
    key = ServedKey(**{**line["served"], "turns": []})
    assert key.own
    assert "local" not in json.dumps(line)
    assert line["tools_ref"].startswith("sha256:")
    assert [turn["message"] for turn in line["served"]["turns"]] == [2, 4]
    [path] = day_files(tmp_path)
    assert path.name.startswith(f"{DAY}.served-")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert not list((tmp_path / "logs" / ".served").glob("*/*.json"))


def test_a_retry_that_showed_its_error_is_part_of_the_run(log: RunLog, tmp_path: Path) -> None:
    """Our agent asks a faulty turn again with the error as a user's message, and leaves both out of the history."""
    call, answer = two_turns()
    history = call.request.messages
    log.observe(served(history, "<tool_call>", fault=TurnFault.MALFORMED, completion_ids=(9,), n_new_tokens=1))
    log.observe(served([*history, user("Error: no closing brace")], call={"expression": "62 * 45"}))
    log.observe(answer)
    log.flush(everything=True, timeout=HANG_S)
    summary, [run] = read(tmp_path)
    assert (summary.runs, summary.served.turns, run.origin) == (1, 3, Origin.SERVED)
    assert [message.role for message in run.messages] == ["system", "user", "assistant", "tool", "assistant"]
    assert run.usage.parse_failures == 1
    [line] = lines(tmp_path)
    assert [turn.get("message") for turn in line["served"]["turns"]] == [None, 2, 4]


def test_every_turn_has_its_prompt_ids(log: RunLog, tmp_path: Path) -> None:
    turns = two_turns()
    for turn in turns:
        log.observe(turn)
    log.flush(everything=True, timeout=HANG_S)
    [line] = lines(tmp_path)
    key = msgspec.convert(line["served"], ServedKey)
    assert whole_prompts(key.turns) == [list(turn.prompt_ids) for turn in turns]
    assert key.turns[1].prompt_ids == [6, 7]
    assert [turn.completion_ids for turn in key.turns] == [list(turn.completion_ids) for turn in turns]


def test_a_log_in_another_format_still_reads_served_files(log: RunLog, tmp_path: Path) -> None:
    log.observe(served([user("hi")], "hello"))
    log.flush(everything=True, timeout=HANG_S)
    summary, _ = read(tmp_path, logs={"format": "langfuse"})
    assert (summary.trajectories, summary.rejects) == (1, 0)


def test_an_idle_conversation_is_complete(log: RunLog, tmp_path: Path, clock: Clock) -> None:
    log.observe(served([user("hi")], "hello"))
    log.flush(timeout=HANG_S)
    clock.seconds += 899
    log.observe(served([user("hi")], "hello", conversation="talk-2"))
    log.flush(timeout=HANG_S)
    assert lines(tmp_path) == []
    clock.seconds += 2
    log.flush(timeout=HANG_S)
    assert len(lines(tmp_path)) == 1
    assert log.counts().open == 1


def test_a_conversation_that_goes_on_is_a_longer_run(log: RunLog, tmp_path: Path, clock: Clock) -> None:
    first, second = two_turns()
    log.observe(first)
    log.flush(everything=True, timeout=HANG_S)
    clock.seconds += 5
    log.observe(served(second.request.messages, "62 * 45 = 2790", started_at="2026-11-29T10:00:05Z"))
    log.flush(everything=True, timeout=HANG_S)
    summary, runs = read(tmp_path)
    assert (summary.trajectories, summary.rejects, summary.served.turns) == (2, 0, 2)
    assert runs[1].messages[: len(runs[0].messages)] == runs[0].messages
    assert {run.origin for run in runs} == {Origin.SERVED}  # the earlier answer is still known as ours


def test_a_retried_turn_is_counted_but_no_message(log: RunLog, tmp_path: Path) -> None:
    log.observe(served([user("hi")], "<tool", fault=TurnFault.MALFORMED))
    log.observe(served([user("hi")], "hello"))
    log.flush(everything=True, timeout=HANG_S)
    summary, [run] = read(tmp_path)
    assert [message.text for message in run.messages] == ["hi", "hello"]
    assert (summary.served.turns, run.usage.parse_failures, run.origin) == (2, 1, Origin.SERVED)
    assert [turn.get("message") for turn in lines(tmp_path)[0]["served"]["turns"]] == [None, 1]


def test_a_history_begun_again_is_another_run(log: RunLog, tmp_path: Path) -> None:
    log.observe(served([user("one")], "yes"))
    log.observe(served([user("two")], "no", started_at="2026-11-29T10:00:01Z"))
    log.flush(everything=True, timeout=HANG_S)
    summary, runs = read(tmp_path)
    assert [run.messages[0].text for run in runs] == ["one", "two"]
    assert summary.rejects == 0


@pytest.mark.parametrize("kept", [True, False])
def test_a_run_with_a_fallback_turn_is_not_ours(log: RunLog, tmp_path: Path, kept: bool) -> None:
    log.observe(served([user("hi")], "hello", fallback="incumbent", fault=TurnFault.MALFORMED))
    answer = {"role": "assistant", "content": "hello" if kept else "I am somebody else"}
    log.observe(served([user("hi"), answer, user("bye")], "bye"))
    log.flush(everything=True, timeout=HANG_S)
    _, [run] = read(tmp_path)
    assert run.origin is Origin.MIXED
    assert [turn.get("fallback") for turn in lines(tmp_path)[0]["served"]["turns"]] == ["incumbent", None]


def test_a_day_begins_in_the_schedules_time_zone(tmp_path: Path, clock: Clock) -> None:
    log = open_log(tmp_path, clock, time_zone="Pacific/Auckland")  # noon in UTC is 01:00 of the next day there
    log.observe(served([user("hi")], "hello"))
    log.close(timeout=HANG_S)
    assert day_files(tmp_path)[0].name.startswith("2026-11-30.served-")


def test_a_new_day_leaves_the_file_of_the_day_before(log: RunLog, tmp_path: Path, clock: Clock) -> None:
    log.observe(served([user("hi")], "hello"))
    log.flush(everything=True, timeout=HANG_S)
    [before] = day_files(tmp_path)
    content = before.read_bytes()
    clock.seconds += 24 * 3600
    log.observe(served([user("hi")], "hello", conversation="talk-2"))
    log.flush(everything=True, timeout=HANG_S)
    assert before.read_bytes() == content
    assert [len(path.read_text().splitlines()) for path in day_files(tmp_path)] == [1, 1]


def test_two_processes_write_files_of_their_own(log: RunLog, tmp_path: Path, clock: Clock) -> None:
    other = open_log(tmp_path, clock)
    log.observe(served([user("hi")], "hello", conversation="one"))
    other.observe(served([user("hi")], "hello", conversation="two"))
    for each in (log, other):
        each.flush(everything=True, timeout=HANG_S)
    assert len(day_files(tmp_path)) == 2
    other.close(timeout=HANG_S)
    log.observe(served([user("more")], "yes", conversation="three"))
    log.flush(everything=True, timeout=HANG_S)
    assert len(lines(tmp_path)) == 3


def test_two_clients_with_one_id_have_two_runs(log: RunLog, tmp_path: Path) -> None:
    log.observe(served([user("hi")], "hello", client="a"))
    log.observe(served([user("hi")], "hello", client="b"))
    log.flush(everything=True, timeout=HANG_S)
    summary, _ = read(tmp_path)
    assert (summary.trajectories, summary.rejects) == (2, 0)
