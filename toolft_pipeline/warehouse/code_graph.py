"""The definitions of a package that some of its functions can reach, followed from name to name.

Invariant: nothing is imported, and where a name cannot be followed exactly, more is taken rather than less. A class
that is named is taken whole. Of a class that only annotates a parameter, the methods that reached code may call are
taken, but not its fields: their values come with the object.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from toolft_pipeline.warehouse.code_definitions import Definition, Source
from toolft_pipeline.warehouse.code_reader import Chain, Import

SETTINGS_ROOM = "settings"
"""Subpackage whose objects enter every fingerprint by value: as the type of a field, only their methods count."""

ON_IMPORT = "<import>"
"""Name of the node that holds what runs when a module is imported."""

_FOLDER_READERS = ("importlib.resources", "importlib:resources", "pkgutil:", "jinja2:PackageLoader")


@dataclass(frozen=True)
class Node:
    """A top-level name of a module, a method (`Class.method`), or "" for the whole module."""

    module: str
    name: str


@dataclass(frozen=True, kw_only=True)
class Links:
    """What a node is made of and leads to."""

    digest: str
    """Of the node's own text."""
    uses: tuple[tuple[str, Node | str], ...]
    """What the code calls it, and what it is: a node, or the name of something outside the package."""
    types: tuple[Node, ...]
    attributes: frozenset[str]
    files: tuple[Path, ...]


class Package:
    """The modules of a package, each read when it is first reached."""

    def __init__(self, *, top: str, root: Path) -> None:
        self._top, self._root = top, root
        self._sources: dict[str, Source | None] = {}
        self._known: dict[Node, Links] = {}

    def source(self, module: str) -> Source | None:
        """A module's source; None for one that is not of the package."""
        if module not in self._sources:
            self._sources[module] = self._find(module)
        return self._sources[module]

    def _find(self, module: str) -> Source | None:
        top, *names = module.split(".")
        if top != self._top:
            return None
        place = self._root.joinpath(*names)
        for path in (place / "__init__.py", place.with_suffix(".py")):
            if path.is_file() and (names or path.name == "__init__.py"):
                return Source(name=module, path=path)
        return None

    def reached(self, entries: tuple[Node, ...]) -> list[Node]:
        """All nodes that the entries reach, themselves included."""
        walk = _Walk(package=self)
        walk.visit(entries)
        return sorted(walk.nodes, key=lambda node: (node.module, node.name))

    def links(self, node: Node) -> Links:
        """What a node is made of and leads to. Raises `LookupError` for a name that its module does not define."""
        if node not in self._known:
            self._known[node] = self._read(node)
        return self._known[node]

    def _read(self, node: Node) -> Links:
        source = self.source(node.module)
        if source is None:
            raise LookupError(f"{node.module} is no module of {self._top}")
        if not node.name:
            inside = [Node(node.module, name) for name in source.statements]
            digest = text_sha256(" ".join(sorted(self.links(each).digest for each in inside)))
            uses = tuple(("*", each) for each in inside)
            return Links(digest=digest, uses=uses, types=(), attributes=frozenset(), files=())
        found = _definition(source, node.name)
        used = set(self.targets(source, found.uses, found.imports))
        types = set(self.targets(source, found.types, found.imports))
        for text in found.strings:  # a module that is imported by its name, or whose folder is read
            if text.startswith(f"{self._top}.") and self.source(text) is not None:
                used.add((text, Node(text, "")))
        for label, target in self.targets(source, found.field_types):
            by_value = isinstance(target, Node) and target.module.split(".")[1:2] == [SETTINGS_ROOM]
            (types if by_value else used).add((label, target))
        return Links(
            digest=text_sha256(found.text),
            uses=tuple(sorted(used, key=repr)),
            types=tuple(sorted({each for _, each in types if isinstance(each, Node)}, key=repr)),
            attributes=found.attributes,
            files=tuple(self._files(source, found, reads_all=_reads_folder(found, used))),
        )

    def targets(
        self, source: Source, chains: frozenset[Chain], imports: dict[str, list[Import]] | None = None
    ) -> Iterator[tuple[str, Node | str]]:
        """What names of a module are; `imports` are those inside the function that uses the names."""
        for chain in chains:
            for target in [*(imports or {}).get(chain[0], ()), *source.imports.get(chain[0], ())]:
                yield from ((".".join(chain), each) for each in self._imported(target, chain[1:]))
            if chain[0] in source.statements:
                yield chain[0], Node(source.name, chain[0])

    def _imported(self, target: Import, chain: Chain) -> Iterator[Node | str]:
        """What an import binds, with the attributes that are read from it. Re-exports are followed."""
        module, name = target
        source = self.source(module)
        if source is None:
            outside = [*([] if name is None else [name]), *chain]
            yield f"{module}:{'.'.join(outside)}"
        elif name is None:
            yield from self._imported((module, chain[0]), chain[1:]) if chain else [Node(module, "")]
        elif name in source.statements or name in source.imports:
            if name in source.statements:
                yield Node(module, name)
            for each in source.imports.get(name, ()):
                yield from self._imported(each, chain)
        elif self.source(f"{module}.{name}") is not None:
            yield from self._imported((f"{module}.{name}", None), chain)
        elif not name.startswith("__"):
            yield Node(module, "")  # defined in a way that is not seen here: all of the module counts

    def _files(self, source: Source, found: Definition, *, reads_all: bool) -> list[Path]:
        """Data files beside the module that the definition names; all of them where it reads its folder."""
        beside = _data_files(source.path.parent)
        named = {name for name in beside if reads_all or name in found.strings}
        waiting = sorted(named)
        while waiting:  # a template that includes another
            text = beside[waiting.pop()].read_bytes()
            more = {name for name in beside.keys() - named if name.encode() in text}
            named |= more
            waiting += more
        whole = [place for text in found.strings if text.startswith(self._top) and (place := self.source(text))]
        folders = {place.path.parent for place in whole if place.path.name == "__init__.py"}
        return [*(beside[name] for name in sorted(named)), *(p for f in folders for p in _data_files(f).values())]


@dataclass(kw_only=True)
class _Walk:
    """One walk from entries: what is reached, and what reached code may call on objects that it is given."""

    package: Package
    nodes: set[Node] = field(default_factory=set)
    classes: set[Node] = field(default_factory=set)
    """Classes that annotations name."""
    attributes: set[str] = field(default_factory=set)

    def visit(self, entries: tuple[Node, ...]) -> None:
        """Add all that the entries reach."""
        waiting = list(entries)
        while waiting:
            while waiting:
                waiting += self._add(waiting.pop())
            waiting = [node for each in self.classes for node in self._called_on(each) if node not in self.nodes]

    def _add(self, node: Node) -> Iterator[Node]:
        if node in self.nodes:
            return
        self.nodes.add(node)
        links = self.package.links(node)
        self.attributes |= links.attributes
        yield from (target for _, target in links.uses if isinstance(target, Node))
        for target in links.types:
            yield from self._typed(target)
        names = node.module.split(".")
        for depth in range(1, len(names) + 1):  # what runs when the module is imported
            source = self.package.source(".".join(names[:depth]))
            if source is not None and source.effects:
                yield Node(source.name, ON_IMPORT)

    def _typed(self, node: Node) -> Iterator[Node]:
        """Add a class that an annotation names, and the classes that it declares; an alias is looked through."""
        source = self.package.source(node.module)
        if node in self.classes or source is None or not node.name:
            return
        chains = source.declared_types(node.name)
        if chains is None:
            yield node
            return
        self.classes.add(node)
        for _, target in self.package.targets(source, chains):
            if isinstance(target, Node):
                yield from self._typed(target)

    def _called_on(self, cls: Node) -> Iterator[Node]:
        source = self.package.source(cls.module)
        for name in [] if source is None else source.methods(cls.name):
            if name in self.attributes or name.startswith("__"):
                yield Node(cls.module, f"{cls.name}.{name}")


def _reads_folder(found: Definition, used: set[tuple[str, Node | str]]) -> bool:
    """Whether a definition can read any file beside its module."""
    if {chain[0] for chain in found.uses} & {"__file__", "__package__", "__path__"}:
        return True
    return any(isinstance(target, str) and target.startswith(_FOLDER_READERS) for _, target in used)


def _definition(source: Source, name: str) -> Definition:
    if name == ON_IMPORT:
        return source.on_import()
    if name.startswith("<lambda>"):
        return source.lambdas(int(name.removeprefix("<lambda>")))
    cls, _, method = name.partition(".")
    if cls not in source.statements:
        raise LookupError(f"{source.name} does not define {name}")
    return source.method(cls, method) if method else source.definition(name)


@cache
def _data_files(folder: Path) -> dict[str, Path]:
    """Files beside a module that are not Python, by their path from there; subpackages are left out."""
    found = {}
    for place, folders, names in os.walk(folder):
        folders[:] = [
            each for each in folders if not (each == "__pycache__" or Path(place, each, "__init__.py").exists())
        ]
        for name in names:
            if not name.endswith((".py", ".pyc")):
                found[Path(place, name).relative_to(folder).as_posix()] = Path(place, name)
    return found


@cache
def file_sha256(path: Path) -> str:
    """sha256 of a file, in hexadecimal."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def text_sha256(text: str) -> str:
    """sha256 of a text, in hexadecimal."""
    return hashlib.sha256(text.encode()).hexdigest()
