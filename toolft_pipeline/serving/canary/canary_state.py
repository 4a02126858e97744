"""What a canary has counted, and the candidates that were stopped: files below the agent's folder of the warehouse.

Invariant: a stop is a record of its own that is never removed, named by the candidate's content digest, so a stopped
candidate stays stopped after a restart, on every server, and against a later champion. Conversations are kept by a
hash of their id, because an id may name a customer.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
from pathlib import Path

import msgspec
from msgspec import Struct

from toolft_pipeline.errors import FixableError
from toolft_pipeline.serving.served_turn import Arm
from toolft_pipeline.warehouse.manifest import ArtifactKey
from toolft_pipeline.warehouse.store import Warehouse


class CanaryError(FixableError, RuntimeError):
    """No canary can run; the message says why and what to do."""


class ArmCounts(Struct, kw_only=True):
    """What one arm did. A conversation has failed if any of its turns has, once."""

    conversations: int = 0
    failed: int = 0
    turns: int = 0
    parsed: int = 0
    unknown_tool: int = 0
    invalid_arguments: int = 0
    fallback: int = 0
    engine_errors: int = 0
    negative_feedback: int = 0


class OpenConversation(Struct, kw_only=True):
    """A conversation whose outcome is not known yet; times are Unix times."""

    key: str
    arm: Arm
    share: float
    began: float
    last: float
    turns: int = 0
    failed: bool = False
    unparsed: bool = False


class Stop(Struct, frozen=True, kw_only=True):
    """Why and when a candidate was stopped; `at` is UTC, ISO 8601."""

    at: str
    why: str


class CanaryState(Struct, kw_only=True):
    """Everything that a restart needs to go on with the test of one candidate against one champion."""

    candidate: str
    candidate_day: str
    champion: str
    champion_day: str
    opened_at: str
    arms: dict[str, ArmCounts]
    log_wealth: list[float] | None = None
    parse_log_wealth: list[float] | None = None
    open: list[OpenConversation] = []
    updated_at: str = ""


class CanaryFiles:
    """The files of an agent's canaries."""

    def __init__(self, warehouse: Warehouse, agent: str) -> None:
        self.folder = ArtifactKey(agent=agent, asset="canary").folder(warehouse.root)
        self._lock: int | None = None

    def stop_of(self, digest: str) -> Stop | None:
        """The stop of a candidate, if it was stopped."""
        try:
            return msgspec.json.decode(self._stop_file(digest).read_bytes(), type=Stop)
        except FileNotFoundError:
            return None

    def write_stop(self, digest: str, stop: Stop) -> None:
        """Record a stop."""
        self._write(self._stop_file(digest), msgspec.json.encode(stop))

    def read(self, candidate: str, champion: str) -> CanaryState | None:
        """The state of a test, if it was begun. Raises `CanaryError` for a damaged file."""
        path = self._state_file(candidate, champion)
        try:
            return msgspec.json.decode(path.read_bytes(), type=CanaryState)
        except FileNotFoundError:
            return None
        except msgspec.DecodeError as error:
            raise CanaryError(f"{path}: cannot be read ({error}); remove it, and the test begins again") from error

    def write(self, state: CanaryState) -> None:
        """Write a state in one step."""
        self._write(self._state_file(state.candidate, state.champion), msgspec.json.encode(state))

    def lock(self) -> None:
        """Keep other servers from counting into the same files. Raises `CanaryError`."""
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            descriptor = os.open(self.folder / "lock", os.O_CREAT | os.O_RDWR, 0o600)
        except OSError as error:
            raise CanaryError(
                f"{self.folder}: cannot be written ({error.strerror}), so a stop would not last; let the server write "
                "there, or set serving.canary.share to 0"
            ) from error
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(descriptor)
            raise CanaryError(
                f"{self.folder}: another server runs this agent's canary; stop it, or set serving.canary.share to 0"
            ) from error
        self._lock = descriptor

    def unlock(self) -> None:
        """Let other servers count; does nothing the second time."""
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def _state_file(self, candidate: str, champion: str) -> Path:
        return self.folder / "tests" / f"{candidate[:16]}-{champion[:16]}.json"

    def _stop_file(self, digest: str) -> Path:
        return self.folder / "stopped" / f"{digest}.json"

    def _write(self, path: Path, content: bytes) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        fresh = path.with_name(f".{path.name}.{os.getpid()}")
        fresh.write_bytes(msgspec.json.format(content, indent=1))
        fresh.replace(path)


def conversation_key(conversation_id: str) -> str:
    """What a conversation is kept by."""
    return hashlib.sha256(conversation_id.encode("utf-8", "surrogatepass")).hexdigest()[:24]
