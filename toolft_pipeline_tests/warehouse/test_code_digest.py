"""What moves the digest of a function's code, and what does not."""

from __future__ import annotations

import ast
import shutil
import subprocess
import sys
from collections.abc import Callable
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest
from packaging.utils import canonicalize_name

from toolft_pipeline.warehouse.code_digest import code_digest, module_digests
from toolft_pipeline.warehouse.libraries import RECORDED_LIBRARIES
from toolft_pipeline_tests.conftest import REPOSITORY

PACKAGE = {
    "__init__.py": "",
    "build.py": '''"""Builds."""
from __future__ import annotations
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

from sample import shapes
from sample.rooms import double
from sample.rooms.tables import RULES as KNOWN
from sample.rooms.marks import marked
if TYPE_CHECKING:
    from sample.given import Given


@dataclass(frozen=True)
class Base:
    size: int = 3

    def area(self) -> int:
        return self.size


class Square(Base):
    """A square."""


def unrelated() -> int:
    return 0


@marked
def build(given: Given, rounds: int = 2) -> str:
    """Build it."""
    from sample.late import finish

    square = Square()
    for rule in KNOWN.values():
        rounds = rule(double(rounds))
    return finish(shapes.draw(square.area()) + given.title() + page() + "list.txt")


@cache
def page() -> str:
    return read("page.jinja")


def read(name: str) -> str:
    return name


ENTRY = dict(build=lambda given: build(given, 3), other=1)
''',
    "shapes.py": "from sample.rooms.deep import line\n\ndef draw(n):\n    return line(n)\n\n"
    "def spare():\n    return 1\n",
    "given.py": "class Given:\n    name: str = 'x'\n\n    def title(self):\n        return self.name\n\n"
    "    def other(self):\n        return 1\n",
    "late.py": "import re\n\ndef finish(text):\n    return re.sub('a', 'b', text)\n",
    "page.jinja": '{% include "part.jinja" %}',
    "part.jinja": "part",
    "alone.jinja": "alone",
    "list.txt": "one",
    "rooms/__init__.py": "from sample.rooms.numbers import double as double\n",
    "rooms/numbers.py": "FACTOR = 2\n\ndef double(n):\n    return n * FACTOR\n\ndef triple(n):\n    return n * 3\n",
    "rooms/deep.py": "def line(n):\n    return '-' * n\n",
    "rooms/marks.py": "def marked(function):\n    return function\n",
    "rooms/tables.py": "def one(n):\n    return n\n\ndef two(n):\n    return n + 1\n\nRULES = {'one': one}\n"
    "RULES['two'] = two\nLATER = 1\n",
}


@pytest.fixture
def digest(tmp_path: Path) -> Callable[..., str]:
    """Digest of `build` in the sample package with some texts replaced."""
    written = 0

    def of(*changes: tuple[str, str, str], entry: str = "sample.build:build") -> str:
        nonlocal written
        written += 1
        files = dict(PACKAGE)
        for name, old, new in changes:
            assert old in files[name], (name, old)
            files[name] = files[name].replace(old, new)
        root = tmp_path / str(written) / "sample"
        for name, text in files.items():
            path = root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        return code_digest(entry, root=root)

    return of


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(("build.py", "square.area()", "square.area() + 1"), id="own_body"),
        pytest.param(("rooms/deep.py", "'-'", "'='"), id="deep_helper"),
        pytest.param(("rooms/numbers.py", "FACTOR = 2", "FACTOR = 4"), id="constant"),
        pytest.param(("rooms/tables.py", "'one': one", "'one': two"), id="table"),
        pytest.param(("rooms/tables.py", "n + 1", "n + 2"), id="function_in_a_table"),
        pytest.param(("rooms/tables.py", "RULES['two']", "RULES['three']"), id="statement_that_alters_a_table"),
        pytest.param(("build.py", "return self.size", "return self.size**2"), id="base_class"),
        pytest.param(("build.py", "size: int = 3", "size: float = 3"), id="type_of_a_field"),
        pytest.param(("build.py", "rounds: int = 2", "rounds: int = 5"), id="default_argument"),
        pytest.param(("build.py", "@cache\n", ""), id="decorator"),
        pytest.param(("rooms/marks.py", "return function", "return None"), id="function_that_decorates"),
        pytest.param(("rooms/__init__.py", "double as double", "triple as double"), id="reexport"),
        pytest.param(("build.py", "RULES as KNOWN", "OTHER as KNOWN"), id="name_that_cannot_be_found"),
        pytest.param(("late.py", "'b'", "'c'"), id="import_inside_a_function"),
        pytest.param(("late.py", "import re", "import re2 as re"), id="another_library"),
        pytest.param(("given.py", "return self.name", "return self.name * 2"), id="method_of_a_parameter"),
        pytest.param(("page.jinja", "{%", "<p>{%"), id="template"),
        pytest.param(("part.jinja", "part", "piece"), id="template_in_a_template"),
        pytest.param(("list.txt", "one", "two"), id="data_file"),
    ],
)
def test_change_of_behaviour_moves_the_digest(digest: Callable[..., str], change: tuple[str, str, str]) -> None:
    assert digest(change) != digest()


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(("build.py", '"""Build it."""', '"""Make it."""'), id="docstring"),
        pytest.param(("build.py", "square = Square()", "square = Square()  # a square"), id="comment"),
        pytest.param(("build.py", "double(rounds)", "double(\n            rounds,\n        )"), id="layout"),
        pytest.param(("build.py", "page() -> str", "page() -> object"), id="annotation_of_a_function"),
        pytest.param(("build.py", "return 0", "return 1"), id="unrelated_function"),
        pytest.param(("shapes.py", "return 1", "return 2"), id="unrelated_function_of_another_module"),
        pytest.param(("rooms/tables.py", "LATER = 1", "LATER = 2"), id="unrelated_constant"),
        pytest.param(("given.py", "return 1", "return 2"), id="method_that_nobody_calls"),
        pytest.param(("given.py", "'x'", "'y'"), id="default_of_an_object_from_elsewhere"),
        pytest.param(("alone.jinja", "alone", "lonely"), id="template_that_nobody_names"),
        pytest.param(
            (
                "rooms/numbers.py",
                "FACTOR = 2\n\ndef double(n):\n    return n * FACTOR\n",
                "def double(n):\n    return n * FACTOR\n\nFACTOR = 2\n",
            ),
            id="order_of_definitions",
        ),
    ],
)
def test_other_changes_do_not(digest: Callable[..., str], change: tuple[str, str, str]) -> None:
    assert digest(change) == digest()


def test_definition_may_move_to_another_module(digest: Callable[..., str]) -> None:
    moved = digest(
        ("shapes.py", "from sample.rooms.deep import line", "from sample.rooms.marks import line"),
        ("rooms/marks.py", "def marked", "def line(n):\n    return '-' * n\n\ndef marked"),
    )
    assert moved == digest()


def test_names_that_change_places_move_the_digest(digest: Callable[..., str]) -> None:
    both = ("build.py", "double(rounds)", "double(triple(rounds))")
    imports = "from sample.rooms import double\n"
    as_named = (
        "build.py",
        imports,
        "from sample.rooms.numbers import double, triple\n",
    )
    swapped = ("build.py", imports, "from sample.rooms.numbers import double as triple, triple as double\n")
    assert digest(both, as_named) != digest(both, swapped)


def test_lambda_is_an_entry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def digest_in(folder: str, body: str) -> str:
        root = tmp_path / folder
        (root / "lambdas").mkdir(parents=True)
        (root / "lambdas/__init__.py").write_text(f"def helper():\n    return {body}\n\nCALL = lambda: helper()\n")
        monkeypatch.syspath_prepend(root)
        monkeypatch.delitem(sys.modules, "lambdas", raising=False)
        import lambdas  # type: ignore[import-not-found]

        return code_digest(lambdas.CALL)

    assert digest_in("a", "1") != digest_in("b", "2")


def test_modules_name_where_code_moved() -> None:
    found = module_digests("toolft_pipeline.stages.training_set:_build")
    assert "toolft_pipeline.curation.selection" in found
    assert not [module for module in found if ".orchestration" in module]
    evaluated = {module for module in found if ".evaluation" in module}
    assert evaluated == {f"toolft_pipeline.evaluation.{name}" for name in ("judge.level", "tasks.task_leaks")}


def test_entry_without_a_name_is_refused() -> None:
    with pytest.raises(TypeError, match="name the function itself"):
        code_digest(next(iter([object()])))  # type: ignore[arg-type]


def test_no_library_is_loaded_and_one_stage_takes_under_a_second() -> None:
    code = (
        "import sys, time\n"
        "from toolft_pipeline.warehouse.code_digest import code_digest\n"
        "begun = time.process_time()\n"
        "code_digest('toolft_pipeline.stages.qlora_adapter:_build')\n"
        "print(time.process_time() - begun, *({'torch', 'dagster', 'pydantic'} & sys.modules.keys()))"
    )
    printed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    took, *loaded = printed.split()
    assert not loaded
    assert float(took) < 1  # seconds of processor time; 0.3 measured


def test_package_does_nothing_that_the_digest_cannot_follow() -> None:
    """Names that are made or found at run time: a definition that is reached only so would be missed."""
    refused = {"globals", "exec", "eval", "__subclasses__", "__init_subclass__", "__doc__", "import_module", "*"}
    allowed = {"toolft_pipeline/catalog/sources.py": {"import_module"}}  # modules of the agent, by their own digests
    found = []
    for path in sorted((REPOSITORY / "toolft_pipeline").rglob("*.py")):
        name = path.relative_to(REPOSITORY).as_posix()
        if {"cli", "orchestration", "project_template"} & {*path.parts}:
            continue
        nodes = list(ast.walk(ast.parse(path.read_text(encoding="utf-8"))))
        used = {each.id for each in nodes if isinstance(each, ast.Name)}
        used |= {each.attr for each in nodes if isinstance(each, ast.Attribute)} - {"eval"}  # torch.nn.Module.eval
        used |= {each.name for each in nodes if isinstance(each, ast.FunctionDef | ast.alias)}
        found += [f"{name}: {each}" for each in sorted((used & refused) - allowed.get(name, set()))]
    assert not found


OF_A_GPU = {"flash_attn": "flash-attn", "flash_attn_interface": "flash-attn-3", "liger_kernel": "liger-kernel"}
"""Modules and distributions of kernels that are used if they are there: built for one GPU, so nothing pins them."""


def test_libraries_of_builds_are_pinned_and_recorded() -> None:
    """What the digest leaves out: a library that the package imports below its top row."""
    distributions, imported = packages_distributions(), set()
    for path in (REPOSITORY / "toolft_pipeline").rglob("*.py"):
        if not {"cli", "orchestration", "project_template"} & {*path.parts}:
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                names = [each.name for each in node.names] if isinstance(node, ast.Import) else []
                names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
                imported |= {name.partition(".")[0] for name in names}
    assert {*OF_A_GPU} <= imported
    outside = imported - {*sys.stdlib_module_names, "toolft_pipeline", *OF_A_GPU}
    wanted = {canonicalize_name(name) for module in outside for name in distributions[module]}
    lines = (REPOSITORY / "constraints.txt").read_text(encoding="utf-8").splitlines()
    pinned = {canonicalize_name(line.partition("==")[0]) for line in lines if "==" in line}
    assert wanted | {*OF_A_GPU.values()} <= RECORDED_LIBRARIES
    assert wanted <= pinned


def test_layout_of_the_whole_package_moves_nothing(tmp_path: Path) -> None:
    """Every file written again from its syntax tree: no comment and no line break is where it was."""
    root = tmp_path / "toolft_pipeline"
    shutil.copytree(REPOSITORY / "toolft_pipeline", root, ignore=shutil.ignore_patterns("project_template"))
    entries = [f"toolft_pipeline.stages.{stage}:_build" for stage in ("verified_trajectories", "token_tensors")]
    before = [code_digest(entry) for entry in entries]
    for path in root.rglob("*.py"):
        path.write_text(ast.unparse(ast.parse(path.read_text(encoding="utf-8"))), encoding="utf-8")
    assert [code_digest(entry, root=root) for entry in entries] == before
