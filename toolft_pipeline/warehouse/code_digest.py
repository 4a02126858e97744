"""Digest of the code that a function can reach inside its own package.

Invariant: whatever in the package may change what the function does changes its digest; comments, docstrings, layout
and the place of a definition do not. Other packages are left out: their versions are pinned, and each manifest
records them.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from toolft_pipeline.warehouse.code_graph import Node, Package, file_sha256, text_sha256

Entry = Callable[..., Any] | str
"""A function, or its name as "package.module:function"."""


def code_digest(*entries: Entry, root: Path | None = None) -> str:
    """sha256 of all code that the entries reach, in hexadecimal.

    An entry is a function of a module, or its name as "package.module:function". `root` is the folder of the package
    where it is not the one that is imported. Results are kept for the life of the process.
    """
    package, nodes = _entry_nodes(entries, root)
    reached = package.reached(nodes)
    lines = {f"entry {package.links(node).digest}" for node in nodes}
    for node in reached:
        links = package.links(node)
        lines.add(links.digest)
        for label, target in links.uses:
            lines.add(f"{links.digest} {label} {target if isinstance(target, str) else package.links(target).digest}")
        lines |= {f"file {path.name} {file_sha256(path)}" for path in links.files}
    return text_sha256("\n".join(sorted(lines)))


def module_digests(*entries: Entry, root: Path | None = None) -> dict[str, str]:
    """Digest of what the entries reach in each module, by the module's dotted name."""
    package, nodes = _entry_nodes(entries, root)
    found: dict[str, set[str]] = {}
    for node in package.reached(nodes):
        links = package.links(node)
        found.setdefault(node.module, set()).update(
            [links.digest, *(f"{path.name} {file_sha256(path)}" for path in links.files)]
        )
    return {module: text_sha256("\n".join(sorted(lines))) for module, lines in sorted(found.items())}


def _entry_nodes(entries: tuple[Entry, ...], root: Path | None) -> tuple[Package, tuple[Node, ...]]:
    nodes = tuple(_entry_node(entry) for entry in entries)
    tops = {node.module.partition(".")[0] for node in nodes}
    if len(tops) != 1:
        raise ValueError(f"entries must be functions of one package, not of {sorted(tops)}")
    top = tops.pop()
    return _package(top, root or _folder_of(top)), nodes


def _entry_node(entry: Entry) -> Node:
    if isinstance(entry, str):
        module, _, name = entry.partition(":")
        return Node(module, name)
    code = getattr(entry, "__code__", None)
    if not hasattr(entry, "__qualname__"):
        raise TypeError(f"{entry!r} is no function or class: name the function itself")
    if entry.__name__ == "<lambda>" and code is not None:
        return Node(entry.__module__, f"<lambda>{code.co_firstlineno}")
    return Node(entry.__module__, entry.__qualname__.partition(".")[0])


def _folder_of(top: str) -> Path:
    spec = None if top in sys.modules else find_spec(top)
    places = list(sys.modules[top].__path__ if spec is None else spec.submodule_search_locations or [])
    return Path(places[0])


@lru_cache(maxsize=4)
def _package(top: str, root: Path) -> Package:
    return Package(top=top, root=root)
