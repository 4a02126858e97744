"""Map a function over several backends in parallel.

Invariant: results come in the order of the items, whatever the number of sessions, and no item is processed on a
backend that another item broke.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from queue import SimpleQueue
from typing import TypeVar

from toolft_pipeline.sandbox.kinds import start_sandbox
from toolft_pipeline.sandbox.protocol import Sandbox, SandboxCrashedError, SandboxError, SandboxTimeoutError
from toolft_pipeline.settings import SandboxSettings

Item = TypeVar("Item")
Result = TypeVar("Result")

_AHEAD = 4
"""Items submitted per session before the oldest result is awaited; bounds memory."""


def map_on_sandboxes(
    items: Iterable[Item],
    work: Callable[[Sandbox, Item], Result],
    *,
    settings: SandboxSettings,
    cwd: Path,
    failed: Callable[[Item, SandboxError], Result] | None = None,
) -> Generator[Result, None, None]:
    """Yield `work(sandbox, item)` for every item, in order, on `settings.replay_sessions` servers in parallel.

    `work` must reset the sandbox first. An item whose server crashes or hangs is retried once on a new server; if that
    fails too, or the backend cannot return a state, `failed` turns the error into a result, and without `failed` the
    error is raised. A server that does not start always raises.
    """

    sessions = settings.replay_sessions

    def attempt(item: Item) -> Result:
        sandbox = free.get()
        try:
            try:
                return work(sandbox, item)
            except (SandboxCrashedError, SandboxTimeoutError):
                return work(sandbox, item)
        finally:
            free.put(sandbox)

    def settle(item: Item, future: Future[Result]) -> Result:
        try:
            return future.result()
        except SandboxError as error:
            if failed is None or type(error) is SandboxError:
                raise
            return failed(item, error)

    free: SimpleQueue[Sandbox] = SimpleQueue()
    with ExitStack() as stack:
        for _ in range(sessions):
            sandbox = start_sandbox(settings, cwd=cwd)
            stack.callback(sandbox.close)
            free.put(sandbox)
        executor = stack.enter_context(ThreadPoolExecutor(sessions, thread_name_prefix="sandbox"))
        stack.callback(executor.shutdown, cancel_futures=True)
        waiting: deque[tuple[Item, Future[Result]]] = deque()
        for item in items:
            waiting.append((item, executor.submit(attempt, item)))
            if len(waiting) >= _AHEAD * sessions:
                yield settle(*waiting.popleft())
        while waiting:
            yield settle(*waiting.popleft())
