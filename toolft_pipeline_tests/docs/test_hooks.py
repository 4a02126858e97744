"""The hooks before a commit are the tools of `make lint`, from the project's own environment."""

from __future__ import annotations

import yaml

from toolft_pipeline_tests.conftest import REPOSITORY


def test_hooks_fetch_nothing_and_are_those_of_make_lint() -> None:
    config = yaml.safe_load((REPOSITORY / ".pre-commit-config.yaml").read_text(encoding="utf-8"))
    assert {repo["repo"] for repo in config["repos"]} == {"local"}
    hooks = [hook for repo in config["repos"] for hook in repo["hooks"]]
    assert {hook["language"] for hook in hooks} == {"system"}
    programs = {" ".join(hook["entry"].split()[:2]) for hook in hooks}
    assert programs == {".venv/bin/ruff format", ".venv/bin/ruff check", ".venv/bin/mypy"}
    makefile = (REPOSITORY / "Makefile").read_text(encoding="utf-8")
    assert all(program.replace(".venv/bin", "$(BIN)") in makefile for program in programs)
