"""Top-level definitions of a module's source and what each of them uses, read without importing anything."""

from __future__ import annotations

import ast
import symtable
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from toolft_pipeline.warehouse.code_reader import Chain, CodeReader, Import, chains_of, imported, is_text

_SCOPES = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda)

_BINDING = (*_SCOPES, ast.Import, ast.ImportFrom, ast.Assign, ast.AnnAssign, ast.AugAssign)
"""Statements that do nothing but give names their values, where their targets are names."""

_NAMES = (ast.Name, ast.Tuple, ast.List, ast.Starred)


@dataclass(frozen=True, kw_only=True)
class Definition:
    """One top-level name: the text of the statements that bind it, and what they use."""

    text: str
    uses: frozenset[Chain]
    field_types: frozenset[Chain]
    """Names in the annotations of class fields."""
    types: frozenset[Chain]
    """Names in annotations of functions and variables: what methods may be called on."""
    imports: dict[str, list[Import]]
    """Imports inside functions, by the name that they bind."""
    attributes: frozenset[str]
    """Attributes read from any object, and texts that could name one (`getattr`)."""
    strings: frozenset[str]


class Source:
    """The source of one module, taken apart."""

    def __init__(self, *, name: str, path: Path) -> None:
        self.name, self.path = name, path
        self.package = name if path.name == "__init__.py" else name.rpartition(".")[0]
        self._text = path.read_text(encoding="utf-8")
        self.tree = ast.parse(self._text)
        self.statements: dict[str, list[ast.stmt]] = {}
        """What binds each top-level name, imports aside, in order."""
        self.imports: dict[str, list[Import]] = {}
        self.effects: list[ast.stmt] = []
        """Statements that may alter what other names stand for when the module is imported."""
        for statement in _flattened(self.tree.body):
            self._sort(statement)
        self.effects += [each for bound in self.statements.values() for each in bound if self._registers(each)]

    def _sort(self, statement: ast.stmt) -> None:
        nodes = list(_same_scope(statement))
        for node in nodes:
            if isinstance(node, ast.Import | ast.ImportFrom):
                for name, target in imported(node, package=self.package):
                    self.imports.setdefault(name, []).append(target)
        for name in _bound(statement):
            self.statements.setdefault(name, []).append(statement)
        alters = any(
            isinstance(getattr(each, "ctx", None), ast.Store) and not isinstance(each, _NAMES) for each in nodes
        )
        if alters or not isinstance(statement, _BINDING):
            self.effects.append(statement)

    def _registers(self, statement: ast.stmt) -> bool:
        """Whether a definition is decorated by a function of the package, which may keep it in a table."""
        own = {name for name, found in self.imports.items() if any(_top(each) == _top(self.name) for each, _ in found)}
        decorators = [*getattr(statement, "decorator_list", [])]
        names = {each.id for part in decorators for each in ast.walk(part) if isinstance(each, ast.Name)}
        return bool(names & (own | self.statements.keys()))

    @cached_property
    def _scopes(self) -> dict[tuple[str, int], symtable.SymbolTable]:
        table = symtable.symtable(self._text, str(self.path), "exec")
        return {(child.get_name(), child.get_lineno()): child for child in table.get_children()}

    def definition(self, name: str) -> Definition:
        """A top-level name."""
        return self._read(name, self.statements[name])

    def method(self, cls: str, name: str) -> Definition:
        """One name of a class's body."""
        return self._read(name, [each for each in self._body(cls) if name in _bound(each)])

    def methods(self, cls: str) -> list[str]:
        """What a class's body binds, its annotated fields aside: their values come with each object."""
        return [name for each in self._body(cls) if not isinstance(each, ast.AnnAssign) for name in _bound(each)]

    def declared_types(self, name: str) -> frozenset[Chain] | None:
        """Names in a class's bases and fields, or in a type alias; None for a function."""
        found: set[Chain] = set()
        for statement in self.statements[name]:
            if isinstance(statement, ast.ClassDef):
                fields = [each.annotation for each in statement.body if isinstance(each, ast.AnnAssign)]
                found = found.union(*map(chains_of, [*statement.bases, *fields]))
            elif isinstance(statement, ast.Assign | ast.AnnAssign) and statement.value is not None:
                found |= chains_of(statement.value)
            else:
                return None
        return frozenset(found)

    def _body(self, cls: str) -> list[ast.stmt]:
        classes = [each for each in self.statements[cls] if isinstance(each, ast.ClassDef)]
        return [statement for each in classes for statement in each.body]

    def on_import(self) -> Definition:
        """What runs when the module is imported, beside its definitions."""
        return self._read("<import>", self.effects)

    def lambdas(self, line: int) -> Definition:
        """The lambdas that begin on a line."""
        found = [each for each in ast.walk(self.tree) if isinstance(each, ast.Lambda) and each.lineno == line]
        return self._read("<lambda>", [ast.Expr(each) for each in found])

    def _read(self, name: str, statements: Iterable[ast.stmt]) -> Definition:
        reader = CodeReader(package=self.package)
        uses: set[Chain] = set()
        for statement in statements:
            reader.chains = set()
            reader.write(statement, in_class=False)
            known = self._names_from_outside(statement)
            uses |= {each for each in reader.chains if known is None or each[0] in known or each[0] in reader.imports}
        return Definition(
            text=" ".join([name, *reader.text]),
            uses=frozenset(uses),
            field_types=frozenset(reader.field_types),
            types=frozenset(reader.types),
            imports=reader.imports,
            attributes=frozenset(reader.attributes | {each for each in reader.strings if each.isidentifier()}),
            strings=frozenset(reader.strings),
        )

    def _names_from_outside(self, statement: ast.stmt) -> frozenset[str] | None:
        """Names that a function or class reads from its module; None for other statements: all that they read."""
        scope = self._scopes.get((getattr(statement, "name", ""), getattr(statement, "lineno", 0)))
        return None if scope is None else frozenset(_read_on_definition(statement).union(_globals_of(scope)))


def _flattened(body: Iterable[ast.stmt]) -> Iterator[ast.stmt]:
    """Statements of a module: what only type checkers see too, what only runs as a script not."""
    for statement in body:
        if isinstance(statement, ast.If) and ast.unparse(statement.test).endswith("TYPE_CHECKING"):
            yield from _flattened([*statement.body, *statement.orelse])
        elif not (is_text(statement) or (isinstance(statement, ast.If) and "__name__" in ast.unparse(statement.test))):
            yield statement


def _same_scope(node: ast.AST) -> Iterator[ast.AST]:
    """A node and all below it, without the insides of functions and classes."""
    waiting = [node]
    while waiting:
        inner = waiting.pop()
        yield inner
        if not isinstance(inner, _SCOPES):
            waiting += ast.iter_child_nodes(inner)


def _bound(statement: ast.stmt) -> list[str]:
    """Names that a statement binds."""
    if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        return [statement.name]
    nodes = list(_same_scope(statement))
    names = [node.name for node in nodes if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)]
    names += [node.id for node in nodes if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)]
    return list(dict.fromkeys(names))


def _globals_of(scope: symtable.SymbolTable) -> Iterator[str]:
    yield from (symbol.get_name() for symbol in scope.get_symbols() if symbol.is_global())
    for child in scope.get_children():
        yield from _globals_of(child)


def _read_on_definition(statement: ast.stmt) -> set[str]:
    """Names that are read in the module's scope: decorators, default values, base classes."""
    parts: list[ast.AST] = [*getattr(statement, "decorator_list", [])]
    if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef):
        parts += [*statement.args.defaults, *(each for each in statement.args.kw_defaults if each is not None)]
    if isinstance(statement, ast.ClassDef):
        parts += [*statement.bases, *statement.keywords]
        parts += [node for each in statement.body for node in _same_scope(each) if isinstance(node, ast.Name)]
    return {each.id for part in parts for each in ast.walk(part) if isinstance(each, ast.Name)}


def _top(module: str) -> str:
    return module.partition(".")[0]
