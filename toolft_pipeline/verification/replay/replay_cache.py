"""Replays that passed are remembered, so that a catalog edit replays only the runs that use the edited tools.

Invariant: a remembered replay is one that would pass again. Its key covers everything that replay reads - the run's
messages and states, the schemas of the tools that it calls (or that there is none), the settings, the backend, and
the source of the rules and of the session - and nothing else, so a run that merely moved in its file is known. Only
what passed is remembered: the rules that need no sandbox, redaction, and every rejection are always done again,
which costs less than to be wrong about one of them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import msgspec
import pyarrow.parquet as pq

from toolft_pipeline import sandbox
from toolft_pipeline.settings import AgentSettings, Grounded
from toolft_pipeline.trajectories import grounding_text
from toolft_pipeline.trajectories.category import tools_used
from toolft_pipeline.trajectories.record import Trajectory
from toolft_pipeline.verification.rules.catalog_words import Schemas
from toolft_pipeline.verification.rules.state_grounding import ungrounded_values
from toolft_pipeline.verification.rules.verdict import REPLAY_KEY
from toolft_pipeline.warehouse.digest import Json, digest_of, file_digest


@dataclass(frozen=True, kw_only=True)
class Memory:
    """The keys of replays that passed, and what every key is made of beside the run."""

    ground: str
    """Digest of settings, backend and code."""
    tool_digests: Mapping[str, str]
    schemas: Schemas | None = None
    """What replay asks grounding by; None where it does not."""
    passed: frozenset[str] = frozenset()

    def key(self, run: Trajectory) -> str:
        """What a replay of the run depends on, as 64 hex digits. The run is told in today's names."""
        read = msgspec.json.encode([run.messages, run.initial_state_ref, run.final_state_ref])
        tools: Json = {name: self.tool_digests.get(name) for name in tools_used(run.messages)}
        depends: dict[str, Json] = {"ground": self.ground, "run": sha256(read).hexdigest(), "tools": tools}
        # descriptions decide what was told, and so what the backend's state is asked for: its outcome stands here, so
        # that a new wording of one tool replays only the runs for which it tells more or less
        suspects = [] if self.schemas is None else ungrounded_values(run.messages, schemas=self.schemas)
        if suspects:
            depends["suspects"] = sha256(msgspec.json.encode(suspects)).hexdigest()
        return digest_of(depends)


def remember(
    *,
    settings: AgentSettings,
    backend: Json,
    tool_digests: Mapping[str, str],
    before: Path | None,
    schemas: Schemas | None = None,
) -> Memory:
    """The memory that a version of the day left behind; an empty one without `before`, the file of its verdicts.

    `backend` identifies the backend's code and data: a backend that changes unseen makes the memory false.
    """
    replay = settings.sandbox
    ground: Json = {
        "backend": backend,
        "tools": None if replay is None else [replay.reset_tool, replay.snapshot_tool],
        "volatile": None if replay is None else sorted(replay.volatile),
        "grounding": settings.verification.grounding.refuses(Grounded.BACKEND_VALUES),
        "code": _code(),
    }
    passed = frozenset[str]() if before is None else _keys(before)
    return Memory(ground=digest_of(ground), tool_digests=tool_digests, schemas=schemas, passed=passed)


def _keys(verdicts: Path) -> frozenset[str]:
    """Keys of a file of verdicts; none in one that was written before there were any."""
    if REPLAY_KEY not in pq.read_schema(verdicts).names:
        return frozenset()
    column = pq.read_table(verdicts, columns=[REPLAY_KEY]).column(0)
    return frozenset(key for key in column.to_pylist() if key is not None)


def _code() -> dict[str, str]:
    """Digests of the source of the rules, of what they know a run by, and of the session with the backend."""
    rooms = (Path(__file__).parents[1], Path(sandbox.__file__ or "").parent)
    found: dict[str, str] = {
        f"{room.name}/{path.relative_to(room)}": file_digest(path) for room in rooms for path in room.rglob("*.py")
    }
    return found | {"grounding_text": file_digest(Path(grounding_text.__file__))}
