"""Conversations that are not complete, on disk after every turn.

Invariant: a process that is killed loses at most the turn that it was writing. Its folder is locked while it lives; a
process that starts takes over the conversations of those that ended, each exactly once.
"""

from __future__ import annotations

import fcntl
import logging
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec

from toolft_pipeline.serving.run_log.conversation import Conversation
from toolft_pipeline.serving.run_log.files import OWNER_FILE, OWNER_FOLDER, write_whole

SPOOL_FOLDER = ".served"
"""Beside the day logs: no name of a log file begins so."""

_LOCK = "lock"
_ENDING = ".json"
_DECODER = msgspec.json.Decoder(Conversation)
_LOG = logging.getLogger(__name__)


class Spool:
    """The open conversations of this process. Raises `OSError` where the folder cannot be written."""

    def __init__(self, logs: Path) -> None:
        self._logs, self._root = logs, logs / SPOOL_FOLDER
        self.token = secrets.token_hex(4)
        self.folder = self._root / self.token
        self._root.mkdir(mode=OWNER_FOLDER, parents=True, exist_ok=True)
        with _locked(self._root / _LOCK):
            self.folder.mkdir(mode=OWNER_FOLDER)
            self._lock = os.open(self.folder / _LOCK, os.O_RDWR | os.O_CREAT, OWNER_FILE)
            fcntl.flock(self._lock, fcntl.LOCK_EX)

    def put(self, conversation: Conversation) -> None:
        """Write a conversation as it is now. Raises `OSError`."""
        write_whole(self._file(conversation.run), msgspec.json.encode(conversation), staging=self.folder)

    def remove(self, run: str) -> None:
        """Forget a conversation that the day log has."""
        self._file(run).unlink(missing_ok=True)

    def adopt(self) -> list[Conversation]:
        """Take over the conversations of processes that ended. Those that a day log has already are removed."""
        adopted: list[Conversation] = []
        with _locked(self._root / _LOCK):
            for folder in sorted(self._root.iterdir()):
                if folder.is_dir() and folder != self.folder and _is_dead(folder):
                    adopted += self._adopt(folder)
        return adopted

    def close(self) -> None:
        """Let go of the folder; what is left in it waits for the next process."""
        with _locked(self._root / _LOCK):
            _remove_empty(self.folder)
            os.close(self._lock)

    def _adopt(self, folder: Path) -> Iterator[Conversation]:
        written = _written_runs(self._logs, token=folder.name)
        for path in sorted(folder.glob(f"*{_ENDING}")):
            try:
                conversation = _DECODER.decode(path.read_bytes())
            except (OSError, msgspec.MsgspecError) as error:
                _LOG.error("%s: not a conversation that this release can read (%s); it stays there", path, error)
                continue
            if conversation.run in written:
                path.unlink()
                continue
            os.replace(path, self._file(conversation.run))
            yield conversation
        _remove_empty(folder)

    def _file(self, run: str) -> Path:
        return self.folder / f"{run}{_ENDING}"


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, OWNER_FILE)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _is_dead(folder: Path) -> bool:
    """Whether the process that owns a folder has ended: the system unlocks its lock whatever ended it."""
    try:
        descriptor = os.open(folder / _LOCK, os.O_RDWR | os.O_CREAT, OWNER_FILE)
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    finally:
        os.close(descriptor)
    return True


class _Id(msgspec.Struct):
    id: str


def _written_runs(logs: Path, *, token: str) -> set[str]:
    """The ids of the runs that a process wrote to day logs."""
    lines = (line for path in logs.glob(f"*.served-{token}-*.jsonl") for line in path.read_bytes().splitlines())
    return {msgspec.json.decode(line, type=_Id).id for line in lines}


def _remove_empty(folder: Path) -> None:
    for path in (*folder.glob("*.tmp"), folder / _LOCK):
        if not any(folder.glob(f"*{_ENDING}")):
            path.unlink(missing_ok=True)
    try:
        folder.rmdir()
    except OSError:
        return
