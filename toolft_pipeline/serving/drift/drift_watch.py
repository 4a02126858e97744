"""Watch the live tools while the server runs: a `DriftWatch`.

Invariant: only an answer decides. A server that does not answer is a state of its own: it neither begins nor ends a
drift, because tools that cannot be listed have not changed.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from toolft_pipeline.catalog.tool import Catalog
from toolft_pipeline.serving.drift.tool_changes import DriftKind, ToolChanges, tool_changes, tools_digest
from toolft_pipeline.serving.notice import Figure, Notice, Notify, log_notice
from toolft_pipeline.serving.served_model import ServedModel

_WHAT = {
    DriftKind.MISSING: "the live server does not list {}: every call of it fails",
    DriftKind.CHANGED: "the live server has another schema than the model was trained on, of {}",
    DriftKind.ADDED: "the live server lists {}, which the model was not trained on",
}
_OVER = {
    DriftKind.MISSING: "the live server lists every tool of the training",
    DriftKind.CHANGED: "the live tools have the schemas of the training",
    DriftKind.ADDED: "the live server lists the tools of the training alone",
}
_REMEDY = {
    DriftKind.MISSING: "start the server with it again; if it is gone for good, `toolft run {}` trains on what is left",
    DriftKind.CHANGED: "`toolft run {}` verifies the runs against the new schema and trains on what is left",
    DriftKind.ADDED: "nothing breaks; `toolft run {}` trains on runs that use it, once there are some",
}


class LiveToolsWatch:
    """Looks at the live tools every `every_s` seconds, on a thread of its own.

    `trained` gives the model in service, whose catalog counts from its first request; `list_tools` asks the server.
    """

    def __init__(
        self,
        *,
        agent: str,
        every_s: float,
        trained: Callable[[], ServedModel | None],
        list_tools: Callable[[], Catalog],
        notify: Notify = log_notice,
    ) -> None:
        self._agent = agent
        self._every_s = every_s
        self._trained = trained
        self._list_tools = list_tools
        self._notify = notify
        self._live: Catalog | None = None
        self._error: str | None = None
        self._looked_at: str | None = None
        self._compared: tuple[str, Catalog, ToolChanges] | None = None
        self._told: dict[DriftKind, tuple[str, ...]] = {}
        self._ended = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin to look."""
        self._thread = threading.Thread(target=self._run, name="live tools", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """End after the look that is running."""
        self._ended.set()
        if self._thread is not None:
            self._thread.join()

    def look(self) -> None:
        """Ask the server once, and tell what changed since the last look."""
        try:
            live = self._list_tools()
        except Exception as error:  # also whatever a user's catalog module raises: the next look may succeed
            if self._error is None:
                self._tell("tools", f"tools/list: no answer: {error}", "the model goes on serving; it is asked again")
            self._error = str(error) or type(error).__name__
        else:
            self._live, self._error = live, None
        self._looked_at = datetime.now(UTC).isoformat(timespec="seconds")
        if self._error is None:
            self._tell_changes()

    def _tell_changes(self) -> None:
        """Tell of each kind of difference when it begins, when other tools have it, and when it ends."""
        changes, before = self._changes(), self._told
        self._told = {} if changes is None else changes.by_kind()
        for kind in DriftKind:
            now = self._told.get(kind)
            if now is not None and now != before.get(kind):
                self._tell(f"tools {kind}", _WHAT[kind].format(", ".join(now)), _REMEDY[kind].format(self._agent))
            elif now is None and kind in before:
                self._tell(f"tools {kind}", f"over: {_OVER[kind]}", "nothing to do")

    def drifted(self) -> bool:
        """Whether the last answer differs from the catalog of the model in service."""
        changes = self._changes()
        return changes is not None and changes.any

    def describe(self) -> Mapping[str, Any]:
        """`state` is `not_looked`, `same`, `drifted` or `no_answer`; beside it what differs."""
        changes, model = self._changes(), self._trained()
        state = "not_looked" if self._looked_at is None else "no_answer"
        if self._error is None and changes is not None:
            state = "drifted" if changes.any else "same"
        return {
            "state": state,
            "drifted": changes is not None and changes.any,
            "looked_at": self._looked_at,
            "trained_digest": None if model is None else tools_digest(model.catalog),
            "live_digest": None if self._live is None else tools_digest(self._live),
            **({} if changes is None else asdict(changes)),
        }

    def figures(self) -> Iterator[Figure]:
        """Figures for the metrics page, beside the drift itself."""
        yield Figure(
            name="toolft_tools_no_answer",
            help="1 if the last tools/list was not answered.",
            value=float(self._error is not None),
        )
        changes = self._changes()
        differing = {} if changes is None else changes.by_kind()
        for kind in DriftKind:
            yield Figure(
                name="toolft_catalog_drift_tools",
                help="Live tools that differ from the training: missing (not listed), changed (schema) or added.",
                value=len(differing.get(kind, ())),
                labels={"kind": kind.value},
            )

    def _changes(self) -> ToolChanges | None:
        """What differs for the model in service; None before the first answer. Computed once for each pair."""
        model, live = self._trained(), self._live
        if model is None or live is None:
            return None
        known = self._compared
        if known is None or known[0] != model.content_digest or known[1] is not live:
            known = model.content_digest, live, tool_changes(trained=model.catalog, live=live)
            self._compared = known
        return known[2]

    def _run(self) -> None:
        while True:
            self.look()
            if self._ended.wait(self._every_s):
                return

    def _tell(self, subject: str, error: str, remedy: str) -> None:
        self._notify(Notice(agent=self._agent, subject=subject, error=error, remedy=remedy))
