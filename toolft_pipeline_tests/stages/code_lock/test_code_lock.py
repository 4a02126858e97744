"""The lock goes red when code changes under its version, and green by an acknowledgement or a raised version."""

from __future__ import annotations

import ast
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from toolft_pipeline.stages.code_lock.__main__ import LOCK_FILE, main
from toolft_pipeline.stages.code_lock.code_lock import mismatches, recorded
from toolft_pipeline.stages.code_lock.lock_file import CodeLockError, Lock, LockedCode, read_lock, write_lock
from toolft_pipeline.stages.code_lock.versioned_code import NESTED, VersionedCode, versioned_code
from toolft_pipeline_tests.conftest import REPOSITORY

ROOM = "toolft_pipeline.stages.code_lock"


def test_every_change_of_code_is_in_the_lock() -> None:
    found = mismatches(read_lock(LOCK_FILE), versioned_code())
    assert not found, "\n".join(map(str, found))


def lock_command(root: Path, *words: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(root)}
    command = [sys.executable, "-m", ROOM, *words]
    return subprocess.run(command, cwd=root, env=environment, capture_output=True, text=True, check=False)


def test_changed_rule_is_red_until_it_is_acknowledged(tmp_path: Path) -> None:
    """In a copy of the package, by the commands that a person gives."""
    package = tmp_path / "toolft_pipeline"
    ignored = shutil.ignore_patterns("project_template", "__pycache__")
    shutil.copytree(REPOSITORY / "toolft_pipeline", package, ignore=ignored)
    assert lock_command(tmp_path, "write").returncode == 0
    with (package / "curation/run_signatures.py").open("a", encoding="utf-8") as file:
        file.write("\n\nwrite_signatures = staticmethod(write_signatures)\n")

    checked = lock_command(tmp_path, "check")
    assert checked.returncode == 1
    assert "run_signatures: its code changed under version" in checked.stderr
    assert "in toolft_pipeline.curation.run_signatures\n" in checked.stderr, "the module is named, and no other"
    assert 'make ack STAGE=run_signatures WHY="..."' in checked.stderr
    assert "champion" not in checked.stderr, "a stage that does not reach the code is not concerned"

    acknowledged = lock_command(tmp_path, "ack", "all", "--why", 'wrapped, "as before"')
    assert (acknowledged.returncode, acknowledged.stderr) == (0, ""), "what is still wrong would be printed"
    entry = read_lock(package / "stages/code_versions.lock").code["run_signatures"]
    assert entry.acknowledged[-1].endswith('wrapped, "as before"')


def one_and_two(**versions: str) -> dict[str, VersionedCode]:
    entries = {"one": f"{ROOM}.lock_file:read_lock", "two": f"{ROOM}.lock_file:write_lock"}
    return {
        name: VersionedCode(name=name, version=version, entries=(entries[name],)) for name, version in versions.items()
    }


def test_changed_code_needs_a_reason_or_a_raised_version() -> None:
    before = Lock(code={"one": LockedCode(version="1", digest="before", acknowledged=("earlier",))}, modules={})
    with pytest.raises(CodeLockError, match="say why"):
        recorded(before, one_and_two(one="1"), ["one"], why="", today="2026-01-01")
    acknowledged = recorded(before, one_and_two(one="1"), ["one"], why="renamed", today="2026-01-01").code["one"]
    assert acknowledged.acknowledged == ("earlier", "2026-01-01 renamed")
    raised = one_and_two(one="2")
    assert "version 1 -> 2 is not in the lock" in str(*mismatches(before, raised))
    lock = recorded(before, raised, ["one"], why="", today="2026-01-01")
    assert lock.code["one"].acknowledged == ()
    assert mismatches(lock, raised) == []


def test_modules_stay_named_for_what_is_not_acknowledged_yet() -> None:
    codes = one_and_two(one="1", two="1")
    old = Lock(
        code={name: LockedCode(version="1", digest="before") for name in codes},
        modules={f"{ROOM}.lock_file": "before"},
    )
    lock = recorded(old, codes, ["one"], why="renamed", today="2026-01-01")
    (left,) = mismatches(lock, codes)
    assert (left.name, "lock_file" in left.problem) == ("two", True)
    assert mismatches(recorded(lock, codes, ["two"], why="renamed", today="2026-01-01"), codes) == []


def test_entry_that_is_gone_is_red_until_it_is_taken_out() -> None:
    codes = one_and_two(one="1")
    lock = recorded(Lock(), one_and_two(one="1", two="1"), ["one", "two"], why="", today="2026-01-01")
    assert [each.name for each in mismatches(lock, codes)] == ["two"]
    assert mismatches(recorded(lock, codes, ["two"], why="", today="2026-01-01"), codes) == []


def test_unknown_name_is_refused_with_the_names_there_are() -> None:
    with pytest.raises(CodeLockError, match=r"three: no stage.*one"):
        recorded(Lock(), one_and_two(one="1"), ["three"], why="", today="2026-01-01")


def test_lock_file_reads_back(tmp_path: Path) -> None:
    lock = Lock(
        code={
            "b": LockedCode(version="2", digest="d"),
            "a": LockedCode(version="1", digest="c", acknowledged=('"é" \\',)),
        },
        modules={"x.y": "1"},
    )
    write_lock(tmp_path / "lock", lock)
    assert read_lock(tmp_path / "lock") == lock
    assert read_lock(tmp_path / "none") == Lock()


def test_lock_with_conflict_markers_is_refused_by_all_but_write(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "lock"
    path.write_text("<<<<<<< HEAD\n")
    assert main(["check"], path=path) == 1
    assert "resolve the merge" in capsys.readouterr().err
    assert main(["write"], path=path) == 0
    assert main(["check"], path=path) == 0


def test_every_artifact_and_constant_version_is_in_the_table() -> None:
    """What is declared as an `Artifact`, and constants that enter a key beside one."""
    table = (REPOSITORY / "toolft_pipeline/stages/code_lock/versioned_code.py").read_text(encoding="utf-8")
    names = {each.id for each in ast.walk(ast.parse(table)) if isinstance(each, ast.Name)}
    missing = []
    for path in sorted((REPOSITORY / "toolft_pipeline/stages").rglob("*.py")):
        assigned = [each for each in ast.parse(path.read_text(encoding="utf-8")).body if isinstance(each, ast.Assign)]
        declared = [each for each in assigned if ast.unparse(each.value).startswith("Artifact(")]
        missing += [name for each in declared for name in map(ast.unparse, each.targets) if name not in names]
    assert not missing
    assert {each.name for each in NESTED} >= {"untuned_prompts", "converted_base"}
