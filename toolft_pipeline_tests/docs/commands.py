"""Whether a command that a page shows would run: its program, its arguments and the names in them exist."""

from __future__ import annotations

import contextlib
import io
import re
import shlex
import tomllib
from collections.abc import Iterator
from functools import cache
from importlib.util import find_spec
from pathlib import Path

from toolft_pipeline.cli.parser import make_parser
from toolft_pipeline.stages.stages import STAGES
from toolft_pipeline_tests.conftest import REPOSITORY
from toolft_pipeline_tests.docs.settings_keys import unknown_key

ELSEWHERE = {"cd", "curl", "dagster", "echo", "export", "git", "nginx", "openssl", "pre-commit", "source"}
"""Programs that are not ours: what they are given is not checked."""

_ASSIGNMENT = re.compile(r"[A-Z_]+=.*")
_SEPARATORS = {"&&", "||", ";", "|", "&"}


def problems(line: str, *, in_sentence: bool = False) -> Iterator[str]:
    """What is wrong with each command of a shell line. In a sentence `toolft run` needs no agent."""
    for words in _commands(line):
        named = in_sentence and words in (["toolft", name] for name in subcommands())
        problem = None if named else _problem(words)
        if problem is not None:
            yield f"`{shlex.join(words)}`: {problem}"


def _commands(line: str) -> Iterator[list[str]]:
    words: list[str] = []
    for word in [*shlex.split(line, comments=True), ";"]:
        if word in _SEPARATORS:
            if words:
                yield words
            words = []
        elif words or not _ASSIGNMENT.fullmatch(word):
            words.append(word)


def _problem(words: list[str]) -> str | None:
    program, *arguments = words
    if program in {"toolft", "make", "pip", "pytest"}:
        return {"toolft": _toolft, "make": _make, "pip": _pip, "pytest": _pytest}[program](arguments)
    if program.startswith("python"):
        return _python(arguments)
    return None if program in ELSEWHERE or "/" in program else "an unknown program"


def _toolft(arguments: list[str]) -> str | None:
    said = io.StringIO()
    try:
        with contextlib.redirect_stderr(said), contextlib.redirect_stdout(said):
            parsed = make_parser(None).parse_args(arguments)
    except SystemExit as stopped:
        return said.getvalue().strip().splitlines()[-1] if stopped.code else None
    names = {stage.asset for stage in STAGES}
    for given in (getattr(parsed, "asset", None), getattr(parsed, "stage", None)):
        if given is not None and given not in names and not given.isupper():
            return f"no asset {given}"
    overrides = [pair.partition("=")[0] for pair in getattr(parsed, "set", [])]
    return next((f"no setting {key}" for key in overrides if unknown_key(key)), None)


@cache
def subcommands() -> tuple[str, ...]:
    """The commands of `toolft`."""
    return tuple(make_parser(None)._subparsers._group_actions[0].choices)  # type: ignore[union-attr]


def _make(arguments: list[str]) -> str | None:
    targets = [word for word in arguments if "=" not in word]
    return next((f"the Makefile has no target {word}" for word in targets if word not in make_targets()), None)


@cache
def make_targets() -> frozenset[str]:
    """The targets of the Makefile that a person calls."""
    phony = re.search(r"^\.PHONY:(.*)$", (REPOSITORY / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
    assert phony is not None
    return frozenset(phony[1].split())


def _pip(arguments: list[str]) -> str | None:
    extras = re.findall(r"toolft_pipeline\[(\w+)\]|^\.\[(\w+)\]$", " ".join(arguments), re.MULTILINE)
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    named = {name for pair in extras for name in pair if name}
    return next((f"no extra {name}" for name in named if name not in project["optional-dependencies"]), None)


def _pytest(arguments: list[str]) -> str | None:
    paths = [word.partition("::")[0] for word in arguments if not word.startswith("-")]
    return next((f"no {path}" for path in paths if not (REPOSITORY / path).exists()), None)


def _python(arguments: list[str]) -> str | None:
    if arguments[:1] == ["-m"]:
        return _module(arguments[1], arguments[2:])
    script = next((word for word in arguments if word.endswith(".py")), None)
    if script is None:
        return None
    places = (REPOSITORY, REPOSITORY / "data" / "helpdesk", REPOSITORY / "data" / "assistant")
    return None if any((place / script).is_file() for place in places) else f"no {script}"


def _module(name: str, arguments: list[str]) -> str | None:
    if name == "pytest":
        return _pytest(arguments)
    folder = Path(*name.split("."))
    if (REPOSITORY / folder).with_suffix(".py").is_file():
        source = (REPOSITORY / folder).with_suffix(".py").read_text(encoding="utf-8")
        options = [word for word in arguments if word.startswith("--")]
        return next((f"{name} has no option {word}" for word in options if f'"{word}"' not in source), None)
    try:
        found = find_spec(name)
    except ModuleNotFoundError:
        found = None
    return None if found is not None else f"no module {name}"
