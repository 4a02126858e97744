"""What a page tells a reader to type, open or set exists as the page writes it."""

from __future__ import annotations

import ast
import re
from functools import cache
from importlib import import_module
from itertools import pairwise
from pathlib import Path

import pytest
import yaml

from toolft_pipeline.agent_file import AGENT_FILE, load_agent
from toolft_pipeline.definitions import build_definitions
from toolft_pipeline_tests.conftest import REPOSITORY
from toolft_pipeline_tests.docs.commands import problems
from toolft_pipeline_tests.docs.pages import (
    CHANGELOG,
    GUIDES,
    PAGES,
    README,
    anchors,
    fences,
    links,
    page_id,
    shell_lines,
    spans,
    text_of,
)
from toolft_pipeline_tests.docs.settings_keys import checked_part, is_section, unknown_key

LANGUAGES = {"sh", "yaml", "json", "text", "mermaid", "python"}
COMMANDS = ("toolft ", "make ", "python ", "pip ", "pytest ")
SUFFIXES = (
    "py",
    "md",
    "yaml",
    "yml",
    "json",
    "jsonl",
    "jinja",
    "toml",
    "txt",
    "conf",
    "png",
    "html",
    "parquet",
    "lock",
)
BASES = (
    REPOSITORY,
    REPOSITORY / "toolft_pipeline",
    REPOSITORY / "toolft_pipeline_tests",
    REPOSITORY / "data" / "assistant",
    REPOSITORY / "data" / "helpdesk",
)
"""Folders that paths in pages are relative to, beside the page's own."""
PLACEHOLDER = re.compile(r"[<>*{}…]|YYYY|DAY|FOLDER|AGENT|DIR|your")

every_page = pytest.mark.parametrize("page", PAGES, ids=page_id)


@every_page
def test_commands_parse_and_name_what_exists(page: Path) -> None:
    text = text_of(page)
    wrong = [each for line in shell_lines(text) for each in problems(line)]
    inline = [span for span in spans(text) if span.startswith(COMMANDS)]
    wrong += [each for span in inline for each in problems(span, in_sentence=True)]
    assert not wrong, "\n".join(wrong)


@every_page
def test_fences_have_a_language_that_is_checked(page: Path) -> None:
    found = {fence.language or "none" for fence in fences(text_of(page))}
    assert found <= LANGUAGES, f"use one of {sorted(LANGUAGES)}, not {sorted(found - LANGUAGES)}"


@every_page
def test_python_blocks_compile_and_import_what_exists(page: Path) -> None:
    missing = []
    for fence in fences(text_of(page)):
        if fence.language != "python":
            continue
        block = compile(fence.text, str(page), "exec", flags=ast.PyCF_ONLY_AST | ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
        for node in ast.walk(block):
            if isinstance(node, ast.ImportFrom) and node.module is not None:
                module = import_module(node.module)
                missing += [f"{node.module}.{each.name}" for each in node.names if not hasattr(module, each.name)]
    assert not missing, missing


@every_page
def test_yaml_blocks_are_parts_of_an_agent_file(page: Path) -> None:
    for fence in fences(text_of(page)):
        if fence.language == "yaml":
            checked_part(yaml.safe_load(fence.text))


@every_page
def test_links_and_anchors_resolve(page: Path) -> None:
    wrong = [target for target in links(text_of(page)) if not _resolves(target, page)]
    assert not wrong


@every_page
def test_paths_exist(page: Path) -> None:
    if page == CHANGELOG:
        pytest.skip("old entries name files as they were")
    wrong = sorted({span for span in spans(text_of(page)) if _is_path(span) and not _exists(span, page)})
    assert not wrong


@every_page
def test_settings_keys_exist(page: Path) -> None:
    keys = [span.partition("=")[0].partition(":")[0] for span in spans(text_of(page)) if _is_key(span)]
    assert not sorted({key for key in keys if unknown_key(key)})


@every_page
def test_names_stand_in_the_files_that_pages_name(page: Path) -> None:
    """Pages write "`NAME` in `path.py`"."""
    wrong = []
    for name, path in re.findall(r"`(\w+)`\s+in\s+`([\w/.]+\.py)`", text_of(page)):
        file = next((base / path for base in BASES if (base / path).is_file()), None)
        if file is None or name not in _names(file):
            wrong.append(f"{name} in {path}")
    assert not wrong


@pytest.mark.parametrize("page", GUIDES, ids=page_id)
def test_guide_is_reached_from_the_readme(page: Path) -> None:
    reached, rest = set(), [README]
    while rest:
        here = rest.pop()
        reached.add(here)
        targets = {(here.parent / link.partition("#")[0]).resolve() for link in links(text_of(here)) if ":" not in link}
        rest += [target for target in targets if target in PAGES and target not in reached]
    assert page in reached


def test_readme_is_one_page() -> None:
    assert len(text_of(README).splitlines()) <= 150


def test_picture_of_the_flow_has_the_edges_of_the_asset_graph() -> None:
    (flow,) = [fence.text for fence in fences(text_of(README)) if fence.language == "mermaid"]
    drawn = _flowchart_edges(flow)
    graph = build_definitions([load_agent(REPOSITORY / "data" / "assistant" / AGENT_FILE)]).resolve_asset_graph()
    real = {
        (above.path[-1], key.path[-1]) for key in graph.get_all_asset_keys() for above in graph.get(key).parent_keys
    }
    assert drawn - {("logs", "raw_trajectories"), ("golden", "verified_trajectories")} == real
    alone = {key.path[-1] for key in graph.get_all_asset_keys()} - {asset for edge in real for asset in edge}
    assert alone == {"agents_overview"}


def test_flowchart_edges_unfolds_chains_and_ampersands() -> None:
    flow = "flowchart LR\n  a[one D] --> b[(two)]\n  a & b --> c[three d] & d[(four words)] --> a"
    assert _flowchart_edges(flow) == {
        ("one", "two"),
        *((above, below) for above in ("one", "two") for below in ("three", "four")),
        ("three", "one"),
        ("four", "one"),
    }


def _flowchart_edges(flow: str) -> set[tuple[str, str]]:
    """The arrows of a Mermaid flowchart, between the first words of its nodes' labels."""
    labels = {node: words.split()[0] for node, words in re.findall(r"(\w+)\[\(?([\w ]+)\)?\]", flow)}
    edges = set()
    for line in flow.splitlines()[1:]:
        bare = re.sub(r"\[[^\]]*\]", "", line)
        chain = [[labels[node.strip()] for node in step.split("&")] for step in bare.split("-->")]
        edges |= {(above, below) for left, right in pairwise(chain) for above in left for below in right}
    return edges


def test_changelog_entries_say_what_they_rebuild() -> None:
    entries = re.split(r"^## ", text_of(CHANGELOG), flags=re.MULTILINE)[1:]
    assert entries
    silent = [entry.splitlines()[0] for entry in entries if not re.search(r"^- Rebuilds: \S", entry, re.MULTILINE)]
    assert not silent


def _resolves(target: str, page: Path) -> bool:
    if re.match(r"https?:", target):
        return True
    name, _, anchor = target.partition("#")
    file = (page.parent / name).resolve() if name else page
    if not file.exists():
        return False
    return not anchor or (file.suffix == ".md" and anchor in anchors(text_of(file)))


def _is_path(span: str) -> bool:
    if PLACEHOLDER.search(span) or not re.fullmatch(r"\.?[\w./-]+", span):
        return False
    return span.endswith("/") or (span.count(".") > 0 and span.rpartition(".")[2] in SUFFIXES)


def _exists(span: str, page: Path) -> bool:
    """A path in the repository, a folder of the package, or a file name that the package itself writes or reads."""
    if any((base / span).exists() for base in (page.parent, *BASES)):
        return True
    name = span.rstrip("/")
    return "/" not in name and (f'"{name}"' in _package_source() or (span.endswith("/") and name in _folders()))


def _is_key(span: str) -> bool:
    head = span.partition("=")[0].partition(":")[0]
    if not re.fullmatch(r"[a-z_]+(\.[a-z_0-9]+)+", head) or _is_path(span):
        return False
    return is_section(head.partition(".")[0])


@cache
def _package_source() -> str:
    files = sorted((REPOSITORY / "toolft_pipeline").rglob("*.py"))
    return "\n".join(file.read_text(encoding="utf-8") for file in files)


@cache
def _folders() -> set[str]:
    return {file.parent.name for file in (REPOSITORY / "toolft_pipeline").rglob("*.py")}


@cache
def _names(file: Path) -> set[str]:
    """The classes, functions and assigned names of a module, at its top level and in its classes."""
    module = ast.parse(file.read_text(encoding="utf-8"))
    found: set[str] = set()
    for node in ast.walk(module):
        if isinstance(node, ast.ClassDef | ast.FunctionDef):
            found.add(node.name)
        elif isinstance(node, ast.Assign):
            found |= {target.id for target in node.targets if isinstance(target, ast.Name)}
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            found.add(node.target.id)
    return found
