"""The tree keeps its own rules: arrows run downwards, no circles, small folders, small files, dagster on top alone."""

from __future__ import annotations

import ast
from collections import Counter, defaultdict
from pathlib import Path

from toolft_pipeline_tests.conftest import REPOSITORY

PACKAGE = REPOSITORY / "toolft_pipeline"
ROWS = (
    {"definitions", "cli", "orchestration"},
    {"stages", "settings_checks", "agent_file", "agent_discovery"},
    {"serving", "agent"},
    {"replay_rows"},
    {"evaluation"},
    {"engines"},
    {"training"},
    {"curation", "verification"},
    {"chat"},
    {"sandbox", "catalog"},
    {"ingest"},
    {"trajectories"},
    {"warehouse", "settings", "project", "compute_type", "agent_yaml", "surrogate_key", "quantile"},
    {"errors"},
)
"""From top to bottom, as docs/architecture.md draws them: a room imports from its own row and from rows below."""

MOST_FILES, MOST_LINES = 20, 300


def modules() -> dict[str, Path]:
    """Every module of the package by its dotted name, a package by the name of its folder."""
    found = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        name = ".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts)
        if "project_template" not in path.parts:
            found[name.removesuffix(".__init__")] = path
    return found


def imports() -> list[tuple[str, str]]:
    """Pairs of module and imported module, within the package."""
    known, found = modules(), []
    for name, path in known.items():
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("toolft_pipeline"):
                for alias in node.names:
                    inner = f"{node.module}.{alias.name}"
                    found.append((name, inner if inner in known else str(node.module)))
            elif isinstance(node, ast.Import):
                found += [(name, alias.name) for alias in node.names if alias.name in known]
    return found


def folders() -> dict[str, str]:
    """The folder that each module lies in; a module of the package's root stands for itself."""
    places = {name: path.parent for name, path in modules().items()}
    return {name: name if at == PACKAGE else str(at.relative_to(PACKAGE.parent)) for name, at in places.items()}


def test_no_import_runs_upwards() -> None:
    row = {room: number for number, rooms in enumerate(ROWS) for room in rooms}
    upwards = []
    for importer, imported in imports():
        above, below = (name.split(".")[1] if "." in name else "" for name in (importer, imported))
        if above and below and row[below] < row[above]:
            upwards.append(f"{importer} imports {imported}")
    assert not upwards, "\n".join(upwards)


def test_no_circle_between_folders() -> None:
    places = folders()
    arrows: dict[str, set[str]] = defaultdict(set)
    for importer, imported in imports():
        if places[importer] != places[imported]:
            arrows[places[importer]].add(places[imported])
    left = {*arrows, *(target for targets in arrows.values() for target in targets)}
    while leaves := {folder for folder in left if not arrows[folder] & left}:
        left -= leaves
    assert not left, f"these folders import each other, or sit above some that do: {sorted(left)}"


def test_folders_and_files_are_small() -> None:
    files = Counter(path.parent for path in modules().values() if path.name != "__init__.py")
    crowded = {str(folder.relative_to(PACKAGE)): count for folder, count in files.items() if count > MOST_FILES}
    lengths = {str(path): len(path.read_text(encoding="utf-8").splitlines()) for path in modules().values()}
    assert not crowded
    assert not {path: length for path, length in lengths.items() if length > MOST_LINES}


def test_dagster_is_imported_by_the_top_row_alone() -> None:
    users = set()
    for name, path in modules().items():
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            named = [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            named += [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            if any(each.split(".")[0] == "dagster" for each in named):
                users.add(name.split(".")[1])
    assert users <= ROWS[0], users


def test_private_parts_of_dagster_are_imported_by_few_modules() -> None:
    importers = set()
    for name, path in modules().items():
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            names += [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            if any(each.startswith("dagster._") for each in names):
                importers.add(name.removeprefix("toolft_pipeline.orchestration."))
    assert importers == {
        "active_runs",
        "instance_storage",
        "jobs",
        "runs.step_processes",
    }  # each says why at the import
