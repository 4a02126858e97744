"""Folders that are made once: by whoever comes first, also of two at once, and gone when nobody holds them."""

from __future__ import annotations

import multiprocessing
import shutil
from multiprocessing.synchronize import Barrier
from pathlib import Path

import pytest

from toolft_pipeline.warehouse.shared import SHARED, link_shared, remove_unused, unused_shared


def fill(folder: Path) -> None:
    (folder / "model" / "sub").mkdir(parents=True)
    (folder / "model" / "weights").write_bytes(b"weights")
    (folder / "model" / "sub" / "config").write_bytes(b"config")


def never(_folder: Path) -> None:
    raise AssertionError("it is there already")


def out(tmp_path: Path, name: str) -> Path:
    folder = tmp_path / name
    folder.mkdir()
    return folder


def test_second_agent_gets_links_of_the_same_files(tmp_path: Path) -> None:
    one, two = out(tmp_path, "one"), out(tmp_path, "two")
    assert link_shared(tmp_path, "key", into=one, make=fill)
    assert not link_shared(tmp_path, "key", into=two, make=never)
    assert (two / "model" / "sub" / "config").read_bytes() == b"config"
    assert (one / "model" / "weights").samefile(two / "model" / "weights")


def test_removing_a_version_or_the_shared_folder_keeps_the_other(tmp_path: Path) -> None:
    one, two = out(tmp_path, "one"), out(tmp_path, "two")
    link_shared(tmp_path, "key", into=one, make=fill)
    link_shared(tmp_path, "key", into=two, make=never)
    shutil.rmtree(one)
    assert unused_shared(tmp_path) == []
    remove_unused(tmp_path / SHARED / "key")
    assert not link_shared(tmp_path, "key", into=out(tmp_path, "three"), make=never), "a folder in use stays"
    shutil.rmtree(two)
    shutil.rmtree(tmp_path / "three")
    (unused,) = unused_shared(tmp_path)
    remove_unused(unused)
    assert unused_shared(tmp_path) == []
    assert link_shared(tmp_path, "key", into=out(tmp_path, "four"), make=fill)


def test_damaged_and_forced_folders_are_made_again(tmp_path: Path) -> None:
    one = out(tmp_path, "one")
    link_shared(tmp_path, "key", into=one, make=fill)
    (one / "model" / "weights").write_bytes(b"damaged")  # the same file, through its link
    two = out(tmp_path, "two")
    assert link_shared(tmp_path, "key", into=two, make=fill)
    assert (two / "model" / "weights").read_bytes() == b"weights"
    assert link_shared(tmp_path, "key", into=out(tmp_path, "three"), make=fill, fresh=True)


def test_conversion_that_fails_leaves_nothing_behind(tmp_path: Path) -> None:
    def fails(folder: Path) -> None:
        fill(folder)
        raise ValueError("torn")

    one = out(tmp_path, "one")
    with pytest.raises(ValueError, match="torn"):
        link_shared(tmp_path, "key", into=one, make=fails)
    assert list(one.iterdir()) == []
    assert link_shared(tmp_path, "key", into=one, make=fill)


def _at_once(root: Path, name: str, both: Barrier) -> None:
    def make(folder: Path) -> None:
        with (root / "made").open("a") as file:
            file.write(f"{name}\n")
        fill(folder)

    (root / name).mkdir()
    both.wait()
    link_shared(root, "key", into=root / name, make=make)


def test_two_processes_at_once_make_it_once(tmp_path: Path) -> None:
    context = multiprocessing.get_context("fork")
    barrier = context.Barrier(2)
    processes = [context.Process(target=_at_once, args=(tmp_path, name, barrier)) for name in ("one", "two")]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    assert [process.exitcode for process in processes] == [0, 0]
    assert len((tmp_path / "made").read_text().splitlines()) == 1
    assert (tmp_path / "one" / "model" / "weights").samefile(tmp_path / "two" / "model" / "weights")
