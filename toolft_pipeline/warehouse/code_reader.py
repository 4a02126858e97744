"""Text of a piece of code without what does not alter its behaviour, and the names that it uses.

Invariant: two pieces that run alike but for layout have equal texts: comments, docstrings, formatting and the
annotations of functions are left out. Annotations of class fields stay, because decoders build objects by them.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass, field

Chain = tuple[str, ...]
"""A name and the attributes read from it, `a.b.c` as ("a", "b", "c")."""

Import = tuple[str, str | None]
"""A module's dotted name and the name taken from it; None for the module itself."""

_NOT_BEHAVIOUR = frozenset({"ctx", "kind", "type_comment", "returns", "type_ignores"})


def imported(statement: ast.Import | ast.ImportFrom, *, package: str) -> Iterator[tuple[str, Import]]:
    """Each name that an import statement binds, with what it stands for."""
    if isinstance(statement, ast.Import):
        for alias in statement.names:
            first = alias.name.partition(".")[0]
            yield (alias.asname, (alias.name, None)) if alias.asname else (first, (first, None))
        return
    above = package.split(".")[: len(package.split(".")) - statement.level + 1] if statement.level else []
    module = ".".join([*above, *([statement.module] if statement.module else [])])
    for alias in statement.names:
        yield alias.asname or alias.name, (module, alias.name)


def chains_of(annotation: ast.expr) -> set[Chain]:
    """Names in an annotation, those in its quoted parts too."""
    reader = CodeReader(package="")
    for node in ast.walk(annotation):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            try:
                reader.write(ast.parse(node.value, mode="eval").body, in_class=False)
            except SyntaxError:
                continue
    reader.write(annotation, in_class=False)
    return reader.chains


@dataclass(kw_only=True)
class CodeReader:
    """Writes the text of a tree, and collects what it uses on the way."""

    package: str
    text: list[str] = field(default_factory=list)
    chains: set[Chain] = field(default_factory=set)
    field_types: set[Chain] = field(default_factory=set)
    types: set[Chain] = field(default_factory=set)
    imports: dict[str, list[Import]] = field(default_factory=dict)
    attributes: set[str] = field(default_factory=set)
    strings: set[str] = field(default_factory=set)

    def write(self, node: ast.AST, *, in_class: bool) -> None:
        """Add a node; `in_class` where it is a statement of a class's body."""
        if isinstance(node, ast.Attribute):
            self._attribute(node)
        elif isinstance(node, ast.Name):
            self.chains.add((node.id,))
            self.text.append(node.id)
        elif isinstance(node, ast.Constant):
            if isinstance(node.value, str):
                self.strings.add(node.value)
            self.text.append(repr(node.value))
        elif isinstance(node, ast.AnnAssign):
            self._annotated(node, in_class=in_class)
        elif isinstance(node, ast.Import | ast.ImportFrom):
            self._import(node)
        elif isinstance(node, ast.arg):
            self.text.append(node.arg)
            if node.annotation is not None:
                self.types |= chains_of(node.annotation)
        elif not (isinstance(node, ast.Pass) or is_text(node)):
            self._fields(node, in_class=in_class)

    def _fields(self, node: ast.AST, *, in_class: bool) -> None:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.returns is not None:
            self.types |= chains_of(node.returns)
        if isinstance(node, ast.Call) and getattr(node.func, "id", getattr(node.func, "attr", "")) == "cast":
            self.types |= chains_of(node.args[0])
        if isinstance(node, ast.MatchClass):
            self.attributes.update(node.kwd_attrs)
        in_class = isinstance(node, ast.ClassDef) or (in_class and isinstance(node, ast.If | ast.Try | ast.With))
        self.text.append(f"({type(node).__name__}")
        for name in node._fields:
            value = getattr(node, name, None)
            if value is None or value == [] or name in _NOT_BEHAVIOUR:
                continue  # an empty list is written by some versions of Python and not by others
            self.text.append(f"{name}=")
            for each in value if isinstance(value, list) else [value]:
                if isinstance(each, ast.AST):
                    self.write(each, in_class=in_class)
                else:
                    self.text.append(repr(each))
        self.text.append(")")

    def _attribute(self, node: ast.Attribute) -> None:
        names, inner = [node.attr], node.value
        while isinstance(inner, ast.Attribute):
            names.append(inner.attr)
            inner = inner.value
        self.attributes.update(names)
        if isinstance(inner, ast.Name):
            self.chains.add((inner.id, *reversed(names)))
            self.text.append(".".join([inner.id, *reversed(names)]))
        else:
            self.text.append(f"({'.'.join(names)} of")
            self.write(inner, in_class=False)
            self.text.append(")")

    def _annotated(self, node: ast.AnnAssign, *, in_class: bool) -> None:
        if in_class:
            self.field_types |= chains_of(node.annotation)
            shown = CodeReader(package="")
            shown.write(node.annotation, in_class=False)
            self.text += ["(AnnAssign", *shown.text]
            for each in (node.target, node.value):
                if each is not None:
                    self.write(each, in_class=False)
            self.text.append(")")
            return
        self.types |= chains_of(node.annotation)
        if node.value is not None:
            self._fields(ast.Assign(targets=[node.target], value=node.value), in_class=False)

    def _import(self, node: ast.Import | ast.ImportFrom) -> None:
        for name, target in imported(node, package=self.package):
            self.imports.setdefault(name, []).append(target)


def is_text(node: ast.AST) -> bool:
    """Whether a node is a string that nothing uses, as a docstring is."""
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)
