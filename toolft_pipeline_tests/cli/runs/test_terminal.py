"""What is said to a person cannot steer the terminal, whatever a log holds."""

from __future__ import annotations

import ast
import json
import sys
from pathlib import Path

import pytest

from toolft_pipeline.cli.main import run
from toolft_pipeline.cli.runs.terminal import say, visible
from toolft_pipeline_tests.conftest import REPOSITORY
from toolft_pipeline_tests.ingest.samples import LINE_SAMPLES


def test_visible_text_keeps_letters_and_lines_and_escapes_what_steers_a_terminal() -> None:
    assert visible("é 東京\n\tx") == "é 東京\n\tx"
    assert visible("\x1b[2J\r\u202eabc\x9b") == "\\x1b[2J\\r\\u202eabc\\x9b"


def test_say_newline_within_a_line_is_shown_and_not_sent(capsys: pytest.CaptureFixture[str]) -> None:
    say("one\ntwo", "three")
    say("\x1b[31mred", to=sys.stderr)
    assert capsys.readouterr() == ("one\\ntwo\nthree\n", "\\x1b[31mred\n")


def test_lint_log_content_and_file_names_cannot_steer_the_terminal(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    hostile = "\x1b[2J\x9b2J\u202e\nfoo: 0 runs"
    row = LINE_SAMPLES["openai"]() | {"id": f"a{hostile}", "outcome": {"status": "failure", "evidence": hostile}}
    path = tmp_path / "control\x1b[31m\n.jsonl"
    path.write_text(json.dumps(row) + "\n")
    assert run(["lint", str(path), str(tmp_path / "none\x1b[2J")]) == 2
    said = "".join(capsys.readouterr())
    assert "\\x1b[2J\\x9b2J\\u202e\\nfoo: 0 runs" in said
    assert not set("\x1b\x9b\u202e") & set(said)
    assert not any(line.startswith("foo") for line in said.splitlines())


PRINTERS = {
    "terminal.py": 1,  # `say` itself
    "agent_task.py": 1,  # JSON, in ASCII
    "base_answer.py": 1,  # JSON, in ASCII
    "check_agent.py": 1,  # JSON, in ASCII
    "compare_bases.py": 1,  # a table whose cells are made visible
    "explain.py": 2,  # JSON and the rows in colour, whose stretches are made visible one by one
    "lineage.py": 1,  # JSON, in ASCII
    "memory_preflight.py": 1,  # JSON, in ASCII
    "show.py": 1,  # JSON, in ASCII
    "tasks.py": 1,  # JSON, in ASCII
}


def test_cli_prints_past_say_only_where_it_is_listed() -> None:
    found = {}
    for path in (REPOSITORY / "toolft_pipeline" / "cli").rglob("*.py"):
        calls = [node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Call)]
        prints = sum(isinstance(call.func, ast.Name) and call.func.id == "print" for call in calls)
        keeps_raw = [word for call in calls for word in call.keywords if word.arg == "ensure_ascii"]
        assert not keeps_raw or path.name in ("show.py", "lineage.py", "agent_task.py"), (
            path
        )  # there it goes through `say`
        if prints:
            found[path.name] = prints
    assert found == PRINTERS
