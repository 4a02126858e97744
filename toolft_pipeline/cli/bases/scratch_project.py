"""A project folder inside the warehouse, so that a comparison touches neither the agent's versions nor its history.

Invariant: the agent's warehouse, its model in service and the project's Dagster instance stay as they are. Only the
leases of the machine's accelerators are shared: a nightly run and a comparison take turns.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from toolft_pipeline.agent_file import agents_root, warehouse_root
from toolft_pipeline.orchestration.runs.executor import leases_folder

FOLDER = "compare-bases"
"""Its name in the warehouse; what all bases share is made once in it, and a later comparison finds it there."""


@contextmanager
def scratch_project() -> Iterator[Path]:
    """Work in the project of comparisons within a `with` block; gives its warehouse."""
    agents, home, leases = agents_root(), warehouse_root() / FOLDER, leases_folder()
    link = home / "data" / ".dagster" / leases.name
    link.parent.mkdir(parents=True, exist_ok=True)
    leases.mkdir(parents=True, exist_ok=True)
    if not link.is_symlink():
        link.symlink_to(leases)
    places = {
        "DAGSTER_HOME": str(home),
        "TOOLFT_AGENTS": str(agents),
        "TOOLFT_WAREHOUSE": str(home / "warehouse"),
    }
    before = {name: os.environ.get(name) for name in places}
    os.environ.update(places)
    try:
        yield home / "warehouse"
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
