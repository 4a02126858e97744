"""One storage for every process of a project, whatever its working directory, and whoever opens it first."""

from __future__ import annotations

import multiprocessing
import os
import shutil
import sqlite3
from multiprocessing.queues import Queue
from multiprocessing.synchronize import Barrier
from pathlib import Path

import pytest

from toolft_pipeline_tests.conftest import REPOSITORY

OPENERS = 6


@pytest.fixture
def home(tmp_path: Path) -> Path:
    home = tmp_path / "home"
    home.mkdir()
    shutil.copy(REPOSITORY / "dagster.yaml", home)
    return home


def open_at_once(home: Path, here: Path, barrier: Barrier, outcome: Queue[str]) -> None:
    os.environ["DAGSTER_HOME"] = str(home)
    os.chdir(here)
    import dagster as dg

    barrier.wait()
    try:
        with dg.DagsterInstance.get() as instance:
            instance.get_runs_count()
            outcome.put(instance.storage_directory())
    except Exception as error:
        outcome.put(f"{type(error).__name__}: {error}")


def test_first_openings_at_once_leave_a_storage_that_opens(home: Path, tmp_path: Path) -> None:
    processes = multiprocessing.get_context("spawn")
    barrier, outcome = processes.Barrier(OPENERS), processes.Queue()
    openers = []
    for number in range(OPENERS):
        here = tmp_path / f"here{number}"
        here.mkdir()
        openers.append(processes.Process(target=open_at_once, args=(home, here, barrier, outcome)))
    for opener in openers:
        opener.start()
    storage = str(home / "data" / ".dagster" / "storage")
    assert [outcome.get() for _ in openers] == [storage] * OPENERS
    for opener in openers:
        opener.join()
    databases = sorted(home.rglob("*.db"))
    assert [database.stem for database in databases] == ["index", "runs", "schedules"]
    for database in databases:
        revisions = sqlite3.connect(database).execute("SELECT version_num FROM alembic_version").fetchall()
        assert len(revisions) == 1, f"{database}: {revisions}"
    assert [path.name for path in sorted(tmp_path.iterdir()) if any(path.iterdir())] == ["home"]
