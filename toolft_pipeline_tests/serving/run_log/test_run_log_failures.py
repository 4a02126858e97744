"""What a full disk, a killed process or a full queue takes from the run log: nothing that was written."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from toolft_pipeline.serving.run_log.open_runs import RunLogPlace
from toolft_pipeline.serving.run_log.run_log import RunLog
from toolft_pipeline.trajectories.record import Origin
from toolft_pipeline_tests.conftest import HANG_S
from toolft_pipeline_tests.serving.run_log.run_logs import Clock, day_files, lines, open_log, read
from toolft_pipeline_tests.serving.run_log.turns import served, two_turns, user

_SERVER = """
    import sys, time
    from pathlib import Path
    from toolft_pipeline_tests.serving.run_log.test_run_log import Clock, open_log
    from toolft_pipeline_tests.serving.run_log.turns import served, two_turns, user

    log = open_log(Path(sys.argv[1]), Clock())
    log.observe(served([user("done")], "yes", conversation="done"))
    log.flush(everything=True)
    for turn in two_turns():
        log.observe(turn)
    log.flush()
    print("ready", flush=True)
    time.sleep(600)
"""


_KILLED_AT_EVERY_STEP = """
    import os, signal, sys
    from pathlib import Path
    from toolft_pipeline_tests.serving.run_log.test_run_log import Clock, open_log
    from toolft_pipeline_tests.serving.run_log.turns import served, user

    def die_at(step):
        left = step

        def counted(real):
            def call(*arguments):
                nonlocal left
                left -= 1
                if left == 0:
                    os.kill(os.getpid(), signal.SIGKILL)
                return real(*arguments)

            return call

        os.fsync, os.replace = counted(os.fsync), counted(os.replace)

    for step in range(1, int(sys.argv[2]) + 1):
        child = os.fork()
        if child == 0:
            log = open_log(Path(sys.argv[1]) / str(step), Clock())
            die_at(step)
            for number in range(3):
                log.observe(served([user("hi")], "hello", conversation=str(number)))
            log.flush()
            log.flush(everything=True)
            os._exit(0)
        os.waitpid(child, 0)
"""


STEPS = 12
"""Three conversations and the day log, each written by a flush, a rename and a flush of the folder."""


def test_a_full_disk_is_counted_and_nothing_is_lost(
    log: RunLog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log.observe(served([user("hi")], "hello"))
    log.flush(timeout=HANG_S)

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        log.observe(served([user("hi")], "hello", conversation="talk-2"))
        with pytest.raises(OSError, match="No space"):
            log.flush(everything=True, timeout=HANG_S)
        assert log.counts().failing
        assert {figure.name: figure.value for figure in log.figures()}["toolft_run_log_failing"] == 1
        assert log.counts().failures >= 2
        assert day_files(tmp_path) == []
        assert not list((tmp_path / "logs").rglob("*.tmp"))
    log.flush(timeout=HANG_S)
    assert len(lines(tmp_path)) == 2
    assert not log.counts().failing


def test_a_killed_process_loses_no_turn(tmp_path: Path, clock: Clock) -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(_SERVER), str(tmp_path)], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    living = open_log(tmp_path, clock)
    assert living.counts().open == 0  # the conversations of a process that lives are its own
    living.close(timeout=HANG_S)
    os.kill(process.pid, signal.SIGKILL)
    process.wait(HANG_S)
    process.stdout.close()
    after = open_log(tmp_path, clock)
    more = served(
        [*two_turns()[1].request.messages, {"role": "assistant", "content": "62 * 45 = 2790"}, user("thanks")], "bye"
    )
    after.observe(more)
    after.close(timeout=HANG_S)
    summary, runs = read(tmp_path)
    assert (summary.trajectories, summary.rejects, summary.served.turns) == (2, 0, 4)
    assert {run.origin for run in runs} == {Origin.SERVED}
    assert [folder.name for folder in (tmp_path / "logs" / ".served").iterdir()] == ["lock"]


def test_a_process_killed_at_any_step_leaves_whole_lines_and_loses_nothing(tmp_path: Path, clock: Clock) -> None:
    script = textwrap.dedent(_KILLED_AT_EVERY_STEP)
    subprocess.run([sys.executable, "-c", script, str(tmp_path), str(STEPS)], check=True, timeout=HANG_S)
    for step in range(1, STEPS + 1):
        folder = tmp_path / str(step)
        assert all(path.read_bytes().endswith(b"}\n") for path in day_files(folder))
        assert bool(day_files(folder)) is (step == STEPS)  # the day log is there with its rename, not before
        open_log(folder, clock).close(timeout=HANG_S)
        on_disk = sum(3 * number + 2 < step for number in range(3))  # conversations that were renamed before
        if on_disk:
            summary, _ = read(folder)
            assert (summary.trajectories, summary.rejects) == (on_disk, 0)


def test_a_run_that_was_written_is_not_written_again(tmp_path: Path, clock: Clock) -> None:
    log = open_log(tmp_path, clock)
    log.observe(served([user("hi")], "hello"))
    log.flush(timeout=HANG_S)
    [spooled] = (tmp_path / "logs" / ".served").glob("*/*.json")
    content = spooled.read_bytes()
    log.flush(everything=True, timeout=HANG_S)
    spooled.write_bytes(content)  # as if the process had been killed between the day log and the spool
    log.close(timeout=HANG_S)
    open_log(tmp_path, clock).close(timeout=HANG_S)
    assert len(lines(tmp_path)) == 1


def test_a_full_queue_drops_and_counts(tmp_path: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("toolft_pipeline.serving.run_log.run_log.QUEUE_TURNS", 1)
    place = RunLogPlace(folder=tmp_path / "logs", agent="tester", time_zone="UTC", idle_s=900.0, key=b"key")
    stopped = RunLog(place, now=clock)
    for _ in range(3):
        stopped.observe(served([user("hi")], "hello"))
    assert stopped.counts().dropped_turns == 2
