"""Versions appear whole or not at all, are found by fingerprint, and are cut off when their content is equal."""

from __future__ import annotations

import errno
import multiprocessing
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from toolft_pipeline.warehouse.manifest import ArtifactKey, fingerprint_of
from toolft_pipeline.warehouse.pointers import pointer_history
from toolft_pipeline.warehouse.store import BuildOutput, Recipe, Version, Warehouse, WarehouseError, damaged_files

ADDRESS = ArtifactKey(agent="desk", asset="things", partition="2026-10-01")


def recipe(value: str = "a") -> Recipe:
    inputs = {"upstream/all": value}
    return Recipe(
        address=ADDRESS,
        fingerprint=fingerprint_of(code_version="1", settings={}, inputs=inputs),
        code_version="1",
        settings={},
        inputs=inputs,
    )


def publish(warehouse: Warehouse, *, made_from: str = "a", text: str = "content", report: str = "report") -> Version:
    with warehouse.staging(ADDRESS) as staged:
        (staged / "rows.txt").write_text(text)
        (staged / "report.txt").write_text(report)
        built = BuildOutput(content=("rows.txt",), rows={"rows": 1}, headline={})
        return warehouse.commit(staged, recipe(made_from), built, run_id=None, started=time.monotonic())


def test_commit_then_find_by_fingerprint_gives_the_version(tmp_path: Path) -> None:
    warehouse = Warehouse(tmp_path)
    version = publish(warehouse)
    found = warehouse.find(ADDRESS, recipe().fingerprint)
    assert found is not None
    assert found.folder == version.folder
    assert found.file("rows.txt").read_text() == "content"
    assert not list(ADDRESS.folder(tmp_path).glob("staging/*"))


def test_find_other_fingerprint_gives_nothing(tmp_path: Path) -> None:
    warehouse = Warehouse(tmp_path)
    publish(warehouse)
    assert warehouse.find(ADDRESS, recipe("b").fingerprint) is None


def test_find_compares_the_whole_fingerprint(tmp_path: Path) -> None:
    """A folder's name holds the first 24 digits only."""
    warehouse = Warehouse(tmp_path)
    fingerprint = publish(warehouse).manifest.fingerprint
    other = fingerprint[:24] + fingerprint[24:].translate(str.maketrans("0123456789abcdef", "123456789abcdef0"))
    assert warehouse.find(ADDRESS, other) is None


def test_with_content_compares_the_whole_digest(tmp_path: Path) -> None:
    """A folder's name holds the first 12 digits only."""
    warehouse = Warehouse(tmp_path)
    version = publish(warehouse)
    digest = version.manifest.content_digest
    assert [found.folder for found in warehouse.with_content(ADDRESS, digest)] == [version.folder]
    assert warehouse.with_content(ADDRESS, digest[:12] + "0" * 52) == []


def test_content_digest_depends_on_content_files_only(tmp_path: Path) -> None:
    warehouse = Warehouse(tmp_path)
    first = publish(warehouse, made_from="a", report="one")
    second = publish(warehouse, made_from="b", report="two")
    third = publish(warehouse, made_from="c", text="other")
    assert first.manifest.content_digest == second.manifest.content_digest
    assert third.manifest.content_digest != first.manifest.content_digest


def test_find_corrupt_byte_gives_nothing_and_a_rebuild_heals_it(tmp_path: Path) -> None:
    warehouse = Warehouse(tmp_path)
    version = publish(warehouse)
    version.file("rows.txt").write_text("contenT")
    assert damaged_files(version) == ["rows.txt"]
    assert warehouse.find(ADDRESS, recipe().fingerprint) is None
    healed = publish(warehouse)
    assert not damaged_files(healed)
    assert warehouse.find(ADDRESS, recipe().fingerprint) is not None


def fail_in_staging(warehouse: Warehouse, error: Exception) -> None:
    with warehouse.staging(ADDRESS) as staged:
        (staged / "rows.txt").write_text("half")
        raise error


def test_staging_failed_build_publishes_nothing(tmp_path: Path) -> None:
    warehouse = Warehouse(tmp_path)
    with pytest.raises(RuntimeError, match="half way"):
        fail_in_staging(warehouse, RuntimeError("half way"))
    assert warehouse.current(ADDRESS) is None
    assert not list(tmp_path.rglob("rows.txt"))


def test_staging_removes_folders_of_killed_processes_only(tmp_path: Path) -> None:
    code = """
import sys, time
from pathlib import Path
from toolft_pipeline.warehouse.manifest import ArtifactKey
from toolft_pipeline.warehouse.store import Warehouse
with Warehouse(Path(sys.argv[1])).staging(ArtifactKey(agent="a", asset="b")) as staged:
    print(staged, flush=True)
    time.sleep(600)
"""
    processes = [
        subprocess.Popen([sys.executable, "-c", code, str(tmp_path)], stdout=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    killed, living = (Path(process.stdout.readline().strip()) for process in processes if process.stdout)
    processes[0].kill()
    processes[0].wait()
    try:
        with Warehouse(tmp_path).staging(ArtifactKey(agent="a", asset="b")) as staged:
            assert (killed.exists(), living.exists(), staged.exists()) == (False, True, True)
    finally:
        processes[1].kill()
        processes[1].communicate()


def test_full_disk_is_one_clear_error_and_publishes_nothing(tmp_path: Path) -> None:
    warehouse = Warehouse(tmp_path)
    with pytest.raises(WarehouseError, match="free disk space and run again"):
        fail_in_staging(warehouse, OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)))
    assert warehouse.current(ADDRESS) is None


def commit_nothing(warehouse: Warehouse) -> None:
    with warehouse.staging(ADDRESS) as staged:
        built = BuildOutput(content=("rows.txt",), rows={}, headline={})
        warehouse.commit(staged, recipe(), built, run_id=None, started=time.monotonic())


def test_commit_missing_content_file_is_refused(tmp_path: Path) -> None:
    warehouse = Warehouse(tmp_path)
    with pytest.raises(FileNotFoundError, match="declares this as content"):
        commit_nothing(warehouse)
    assert warehouse.current(ADDRESS) is None


def test_point_back_to_an_older_version_adds_a_record(tmp_path: Path) -> None:
    warehouse = Warehouse(tmp_path)
    first = publish(warehouse, made_from="a", text="one")
    publish(warehouse, made_from="b", text="two")
    warehouse.point(first)
    warehouse.point(first)
    current = warehouse.current(ADDRESS)
    assert current is not None
    assert current.folder == first.folder
    assert [pointer.number for pointer in pointer_history(ADDRESS.folder(tmp_path))] == [1, 2, 3]


def _race(root: Path, barrier: object, text: str) -> None:
    barrier.wait()  # type: ignore[attr-defined]
    publish(Warehouse(root), text=text)


def test_commit_four_processes_at_once_leave_one_whole_version(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    with context.Manager() as manager:
        barrier = manager.Barrier(4)
        racers = [context.Process(target=_race, args=(tmp_path, barrier, "same")) for _ in range(4)]
        for racer in racers:
            racer.start()
        for racer in racers:
            racer.join()
    assert [racer.exitcode for racer in racers] == [0, 0, 0, 0]
    versions = list(ADDRESS.folder(tmp_path).glob("versions/*"))
    assert len(versions) == 1
    current = Warehouse(tmp_path).current(ADDRESS)
    assert current is not None
    assert not damaged_files(current)
