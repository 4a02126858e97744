"""What a candidate was made and judged from, and what changed since the last report.

Invariant: only digests, names and counts of declared inputs are compared. A report keeps its own record
(`inputs.json`), so the next one needs no version that retention may have taken.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

import msgspec
from msgspec import Struct

INPUTS_FILE = "inputs.json"

_LISTED = 6
"""Names listed of a longer list: a line of the page."""


class DayOfRows(Struct, frozen=True, kw_only=True):
    """The rows of one day: how many, and their content digest."""

    rows: int
    digest: str


class ReportInputs(Struct, frozen=True, kw_only=True):
    """The inputs of one report.

    `rows` are the window's rows by day; `trained_rows` is how many rows the training read, repeats included; `tools`
    has a digest of each tool's schema. `base`, `tasks` and `backend` are digests; None where there is none.
    """

    day: str
    rows: Mapping[str, DayOfRows]
    trained_rows: int
    tools: Mapping[str, str]
    base: str
    n_tasks: int
    tasks: str | None = None
    backend: str | None = None


def write_inputs(inputs: ReportInputs, folder: Path) -> None:
    """Write `inputs.json`."""
    (folder / INPUTS_FILE).write_bytes(msgspec.json.format(msgspec.json.encode(inputs), indent=1))


def read_inputs(folder: Path) -> ReportInputs | None:
    """Read `inputs.json`; None of a report that has none or another shape."""
    try:
        return msgspec.json.decode((folder / INPUTS_FILE).read_bytes(), type=ReportInputs)
    except (OSError, msgspec.DecodeError):
        return None


def input_changes(now: ReportInputs, last: ReportInputs) -> list[str]:
    """What differs, one sentence each: data, rows, catalog, then what the model is judged by."""
    return [
        *_data_changes(now, last),
        *_catalog_changes(now.tools, last.tools),
        *(["the base model is another one"] if now.base != last.base else []),
        *_task_changes(now, last),
        *(["the backend (its code, command or files) changed"] if now.backend != last.backend else []),
    ]


def _data_changes(now: ReportInputs, last: ReportInputs) -> Iterator[str]:
    came, went = sorted(now.rows.keys() - last.rows.keys()), sorted(last.rows.keys() - now.rows.keys())
    remade = sorted(day for day in now.rows.keys() & last.rows.keys() if now.rows[day].digest != last.rows[day].digest)
    if came:
        yield f"new days in the window: {_listed(came)} ({sum(now.rows[day].rows for day in came):,} rows)"
    if went:
        yield f"days that left the window: {_listed(went)} ({sum(last.rows[day].rows for day in went):,} rows)"
    if remade:
        more = sum(now.rows[day].rows - last.rows[day].rows for day in remade)
        yield f"days whose rows changed: {_listed(remade)} ({more:+,} rows)"
    if now.trained_rows != last.trained_rows:
        more = now.trained_rows - last.trained_rows
        yield f"the training read {now.trained_rows:,} rows, {more:+,} compared with the last report"


def _catalog_changes(now: Mapping[str, str], last: Mapping[str, str]) -> Iterator[str]:
    changed = [name for name in now.keys() & last.keys() if now[name] != last[name]]
    for names, what in (
        (now.keys() - last.keys(), "new tools in the catalog"),
        (last.keys() - now.keys(), "tools that left the catalog"),
        (changed, "tools whose schema or description changed"),
    ):
        if names:
            yield f"{what}: {_listed(sorted(names))}"


def _task_changes(now: ReportInputs, last: ReportInputs) -> Iterator[str]:
    if now.tasks != last.tasks:
        yield f"the file of evaluation tasks changed; {now.n_tasks} tasks were asked, {last.n_tasks} the last time"
    elif now.n_tasks != last.n_tasks:
        yield f"{now.n_tasks} evaluation tasks were asked, {last.n_tasks} the last time"


def _listed(names: list[str]) -> str:
    rest = len(names) - _LISTED
    return ", ".join(names[:_LISTED]) + (f" and {rest} more" if rest > 0 else "")
