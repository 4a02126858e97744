"""A small training window by hand, and a job at a local host over it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from toolft_pipeline.catalog.tool import Catalog, Tool
from toolft_pipeline.settings import ChatSettings, ManagedSettings
from toolft_pipeline.training.managed.hosts.http_api import Pauses
from toolft_pipeline.training.managed.train_managed import Job, ManagedSummary, Window, train_managed
from toolft_pipeline.trajectories.accepted_table import write_accepted_rows
from toolft_pipeline.trajectories.record import Message, Trajectory
from toolft_pipeline_tests.conversations import accepted, calls, result, says, system, trajectory, user
from toolft_pipeline_tests.training.made_rows import DAYS, Made, write_inputs

KEY = "sk-canary-4f1d"
VARIABLE = "MANAGED_TEST_KEY"

CATALOG = Catalog(
    tools=tuple(
        Tool(name=name, description=f"It can {name}.", parameters={"type": "object", "properties": {"q": {}}})
        for name in ("search", "send")
    )
)

AT_ONCE = Pauses(first_s=0.01, longest_s=0.05, patience_s=20.0)


def conversation(name: str) -> tuple[Message, ...]:
    """Two calls at once, their results, an error that is tried again, and an answer."""
    return (
        system("You help."),
        user(f"Find {name}"),
        calls(("a", "search", {"q": name}), ("b", "send", {"q": "é"}), text="One moment."),
        result("a", "search", "found"),
        result("b", "send", "error: no"),
        calls(("c", "send", {"q": name})),
        result("c", "send", "sent"),
        says(f"Done with {name}."),
        user("thanks"),
    )


def make_window(folder: Path, *, rows: int = 12, weight: int = 1, messages: Any = conversation) -> Window:
    """A window of `rows` training runs and two validation runs over two days."""
    made = [Made(name=f"t{number}", weight=weight) for number in range(rows)]
    made += [Made(name=f"v{number}", side="validation", prompt=4, answer=4) for number in range(2)]
    inputs = write_inputs(folder, made)
    tables = {}
    for place, day in enumerate(DAYS):
        runs: list[Trajectory] = [
            trajectory(*messages(each.name), id_=f"run-{each.name}") for each in made[place :: len(DAYS)]
        ]
        tables[day] = folder / f"{day}.accepted.parquet"
        write_accepted_rows(accepted(runs), tables[day])
    return Window(
        selection=inputs.selection,
        tensors=inputs.tensors,
        accepted=tables,
        catalog=CATALOG,
        chat=ChatSettings(),
        token_budget=None,
    )


def managed(address: str, **settings: Any) -> ManagedSettings:
    """The section of an agent file over a local host."""
    return ManagedSettings.model_validate(
        {"base_url": address, "model": "small-1", "key_from": VARIABLE, "timeout_s": 5.0, **settings}
    )


def train(
    place: Path,
    settings: ManagedSettings,
    log: list[str],
    *,
    again: str = "",
    pauses: Pauses = AT_ONCE,
    rows: int = 12,
    out: str | None = None,
) -> ManagedSummary:
    """One attempt: its record below `place` survives, what it writes goes to a new folder."""
    folder = place / (out or f"out-{len(list(place.glob('out-*')))}")
    folder.mkdir(parents=True)
    window = make_window(folder.with_name(f"in-{folder.name}"), rows=rows)
    return train_managed(
        window=window,
        managed=settings,
        job=Job(agent="assistant", day=DAYS[-1], seed=7, again=again),
        record_in=place / "scratch",
        out=folder,
        progress=log.append,
        pauses=pauses,
    )


def lines_of(content: bytes) -> list[dict[str, Any]]:
    """The lines of an uploaded file."""
    return [json.loads(line) for line in content.decode().splitlines()]
