"""Run a step's command so that it ends with its orchestrator.

    python -m toolft_pipeline.orchestration.runs.step_guard FD -- COMMAND

Invariant: no step outlives the process that launched it, however that process ended. The orchestrator holds the other
end of the pipe FD and never writes to it; the kernel closes it when the orchestrator ends, and the guard then kills
the step's process group. A pipe and not PR_SET_PDEATHSIG: it works on every Unix, and the death signal would come when
the launching thread ends.
"""

from __future__ import annotations

import os
import select
import signal
import sys

POLL_S = 1.0
"""Seconds between two checks whether the step has ended."""


def main() -> None:
    """Fork the guard and become the command, which leads its process group."""
    pipe, separator, *command = sys.argv[1:]
    if separator != "--" or not command:
        sys.exit("usage: step_guard FD -- COMMAND ...")
    step = os.getpid()
    if os.fork() == 0:
        _guard(int(pipe), step)
        os._exit(0)
    os.close(int(pipe))
    os.execvp(command[0], command)


def _guard(pipe: int, step: int) -> None:
    """Wait until the step or its orchestrator ends; in the second case kill the step's process group."""
    for ignored in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):  # these are for the step
        signal.signal(ignored, signal.SIG_IGN)
    while os.getppid() == step:
        readable, _, _ = select.select([pipe], [], [], POLL_S)
        if readable and os.getppid() == step:
            os.killpg(step, signal.SIGKILL)
            return


if __name__ == "__main__":
    main()
