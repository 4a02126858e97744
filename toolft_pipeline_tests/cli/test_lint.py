"""`toolft lint` on logs that nothing was configured for."""

from __future__ import annotations

import gzip
import json
from collections import Counter
from pathlib import Path

import pytest

from toolft_pipeline.cli.main import run
from toolft_pipeline_tests.agents import agent, read_agent_day, verify_agent_day
from toolft_pipeline_tests.conftest import REPOSITORY
from toolft_pipeline_tests.ingest.samples import LINE_SAMPLES, langchain_row
from toolft_pipeline_tests.ingest.span_exports import EXPORTS

HELPDESK = REPOSITORY / "data" / "helpdesk"
DAY = HELPDESK / "logs" / "2026-10-03.jsonl"


def written(folder: Path, *rows: object) -> Path:
    path = folder / "runs.jsonl"
    path.write_text("".join(row if isinstance(row, str) else json.dumps(row) + "\n" for row in rows))
    return path


def report(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, dict[str, object]]:
    status = run(["lint", "--json", *map(str, arguments)])
    found: dict[str, object] = json.loads(capsys.readouterr().out)
    return status, found


def test_lint_clean_file_is_kept_and_ends_in_0(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = written(tmp_path, LINE_SAMPLES["atif"]())
    status, found = report(capsys, path)
    assert (status, found["lines"], found["kept"], found["lost"]) == (0, 1, 1, {})
    assert found["formats"] == {str(path): "atif"}
    assert found["tools"] == {"get_order": 1, "who": 1}


@pytest.mark.parametrize("format_", EXPORTS)
def test_lint_traces_count_as_runs_and_their_lines_as_lines(
    format_: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = EXPORTS[format_]()
    path = written(tmp_path, *rows, "{broken\n")
    lenient = ("--set", "allow_unoffered_tools=true")  # the traces offer one of the two tools that they call
    status, found = report(capsys, path, *lenient)
    assert (status, found["lines"], found["runs"], found["kept"]) == (1, len(rows) + 1, 2, 1)
    assert found["lost"] == {"reader/truncated_line": 1}
    assert found["formats"] == {str(path): format_}
    assert run(["lint", str(path), "--format", format_, *lenient]) == 1
    assert "2 runs, 1 would be kept (50%)" in capsys.readouterr().out


def test_lint_trace_in_two_files_is_one_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = EXPORTS["langsmith"]()
    (tmp_path / "later").mkdir()
    files = written(tmp_path, *rows[:5]), written(tmp_path / "later", *rows[5:])
    for order in (files, files[::-1]):
        status, found = report(capsys, *order, "--set", "allow_unoffered_tools=true")
        assert (status, found["lines"], found["runs"], found["kept"]) == (0, len(rows), 1, 1)
    status, found = report(capsys, files[1])
    assert (status, found["lost"]) == (1, {"reader/incomplete_trace": 1})


def test_lint_finds_the_planted_faults_that_need_no_sandbox(capsys: pytest.CaptureFixture[str]) -> None:
    planted = [json.loads(line) for line in (HELPDESK / "planted.jsonl").read_text().splitlines()]
    expected = Counter(row["stage"] for row in planted if row["file"].endswith(DAY.name))
    status, found = report(capsys, DAY, "--catalog", HELPDESK / "catalog.json")
    lost = Counter[str]()
    for kind, count in found["lost"].items():  # type: ignore[attr-defined]
        lost[kind.partition("/")[0]] += count
    assert status == 1
    assert 0 < lost.pop("grounding") <= expected["replay"]  # lies that a later turn gives away
    assert lost == {stage: count for stage, count in expected.items() if stage in lost}
    assert set(expected) - set(lost) <= {"replay", "redaction", "near_duplicate"}
    assert found["lines"] == found["kept"] + sum(found["lost"].values())  # type: ignore[operator,attr-defined]


def test_lint_text_names_place_reason_and_setting(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    row = langchain_row()
    row["messages"] = row["messages"][:5]
    path = written(tmp_path, row, '{"messages": [\n', langchain_row() | {"id": "other", "outcome": None})
    assert run(["lint", str(path), "--set", "allow_dangling_call=true"]) == 1
    said = capsys.readouterr().out
    assert "3 runs, 1 would be kept (33%)" in said
    assert f"{path}:2: the line breaks off" in said
    assert f"{path}:3 (other): logged without a known outcome" in said
    assert "verification.accept_unknown_outcome" in said
    assert "not asked: catalog" in said


def test_lint_setting_that_does_not_exist_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = written(tmp_path, LINE_SAMPLES["openai"]())
    assert run(["lint", str(path), "--set", "max_turn=3"]) == 2
    error = capsys.readouterr().err
    assert error.startswith("toolft: --set verification.max_turn: ")
    assert "max_turns" in error
    assert error.count("\n") == 1


def test_lint_files_that_cannot_be_read_are_named_and_the_others_reported(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path, empty = written(tmp_path, LINE_SAMPLES["openai"]()), tmp_path / "empty"
    empty.mkdir()
    assert run(["lint", str(tmp_path / "none.jsonl"), str(empty), str(path)]) == 2
    said, errors = capsys.readouterr()
    assert "1 run, 1 would be kept" in said
    assert f"{tmp_path}/none.jsonl: cannot be read (No such file or directory); correct the path\n" in errors
    assert f"{empty}: the folder has no log files; their names end in .jsonl" in errors
    assert errors.count("\n") == 2


def test_lint_folder_means_its_log_files(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = written(tmp_path, LINE_SAMPLES["openai"]())
    (tmp_path / "b.jsonl.gz").write_bytes(gzip.compress(json.dumps(LINE_SAMPLES["atif"]()).encode()))
    (tmp_path / "notes.txt").write_text("no log")
    _, found = report(capsys, tmp_path)
    assert found["formats"] == {str(tmp_path / "b.jsonl.gz"): "atif", str(path): "openai"}


def test_lint_file_of_another_kind_is_one_line_with_the_fix_and_2(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = written(tmp_path, json.dumps(LINE_SAMPLES["atif"](), indent=2))
    status, found = report(capsys, path)
    assert (status, found["runs"]) == (2, 0)
    assert run(["lint", str(path)]) == 2
    assert capsys.readouterr().out == ""
    (reason,) = found["unreadable"]  # type: ignore[misc]
    assert "one JSON document over many lines" in reason
    assert "`jq -c . runs.jsonl > runs.lines.jsonl`" in reason


@pytest.mark.parametrize("content", ["", "hello\n", '{"messages": [{"role": "user", "content": "hi"}]}\n'])
def test_lint_file_without_a_telling_line_says_so(
    content: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = written(tmp_path, content)
    run(["lint", str(path)])
    assert f"{path}: no line shows its format; read as openai\n" in capsys.readouterr().out


def test_lint_logs_setting_that_a_reason_names_is_taken(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = written(tmp_path, LINE_SAMPLES["openai"]() | {"pad": "x" * 200})
    status, found = report(capsys, path, "--set", "logs.max_line_bytes=100")
    assert (status, found["lost"]) == (1, {"reader/line_too_long": 1})
    run(["lint", str(path), "--set", "logs.max_line_bytes=100"])
    said = capsys.readouterr().out
    assert "raise logs.max_line_bytes" in said
    assert "--set" in said
    assert report(capsys, path, "--set", "logs.max_line_bytes=100000")[0] == 0


SECRET_WANTED = {
    "type": "object",
    "properties": {"who": {"type": "string", "enum": ["jo@firma.de", "an@firma.de"]}},
    "required": ["who"],
}


def asked_for(who: str, *, tool: str = "find") -> dict[str, object]:
    call = {"id": "c1", "type": "function", "function": {"name": tool, "arguments": json.dumps({"who": who})}}
    messages = [
        {"role": "user", "content": f"Look up {who}"},
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "c1", "content": "{}"},
        {"role": "assistant", "content": "Done."},
    ]
    return {"id": f"{tool} {who}", "messages": messages, "outcome": {"status": "success"}}


@pytest.fixture
def catalog(tmp_path: Path) -> Path:
    path = tmp_path / "catalog.json"
    path.write_text(json.dumps({"tools": [{"name": "find", "description": "d", "inputSchema": SECRET_WANTED}]}))
    return path


def test_lint_keeps_what_verification_keeps_redaction_and_renames_included(
    tmp_path: Path, catalog: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path, renames = written(tmp_path, asked_for("jo@firma.de"), asked_for("jo", tool="look")), tmp_path / "renames.yaml"
    renames.write_text("look: find\n")
    catalog.write_text(catalog.read_text().replace('["jo@', '["jo", "jo@'))
    settings = agent(
        tmp_path, catalog={"file": "catalog.json", "renames": "renames.yaml"}, verification={"require_replay": False}
    )
    raw, out = tmp_path / "raw", tmp_path / "out"
    (tmp_path / "logs").mkdir()
    (tmp_path / "logs" / "2026-10-01.jsonl").write_bytes(path.read_bytes())
    raw.mkdir()
    read_agent_day(settings, day="2026-10-01", out=raw)
    out.mkdir()
    verified = verify_agent_day(settings, day="2026-10-01", raw=raw, catalog=catalog, out=out)
    _, found = report(capsys, path, "--catalog", catalog, "--renames", renames)
    assert verified.faults == {"redaction/redaction_breaks_schema": 1}
    assert (found["kept"], found["lost"]) == (verified.accepted, verified.faults)
    _, found = report(capsys, path, "--catalog", catalog)
    assert found["lost"] == {"redaction/redaction_breaks_schema": 1, "catalog/unknown_tool": 1}


def test_lint_names_what_it_does_not_ask(tmp_path: Path, catalog: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = written(tmp_path, asked_for("an"))
    not_asked = report(capsys, path, "--set", "chat.format=qwen3")[1]["not_asked"]
    assert [rule.split(" ")[0] for rule in not_asked] == ["catalog,", "control", "replay,"]  # type: ignore[attr-defined]
    assert "than qwen3" in str(not_asked)
    not_asked = report(capsys, path, "--catalog", catalog)[1]["not_asked"]
    assert [rule.split(" ")[0] for rule in not_asked] == ["renamed", "control", "replay,"]  # type: ignore[attr-defined]


def test_lint_secret_in_a_finding_is_not_printed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    secret = "sk-proj-abcdefghijklmnopqrstuvwxyz0123456789ABCD"
    row = LINE_SAMPLES["openai"]() | {"outcome": {"status": "failure", "evidence": f"pasted {secret}"}}
    run(["lint", str(written(tmp_path, row))])
    said = capsys.readouterr().out
    assert "logged as a failure" in said
    assert secret not in said


def test_lint_shows_one_example_for_each_different_reason(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    turn, ask = {"role": "assistant", "content": "There."}, {"role": "user", "content": "Where?"}
    orders = [[ask, turn, turn], [ask, turn, ask, turn, turn], [ask, ask, turn], [turn, ask, turn]]
    rows = [{"id": str(place), "messages": order} for place, order in enumerate(orders)]
    path = written(tmp_path, *rows, *("{broken\n" for _ in range(5)))
    _, found = report(capsys, path)
    examples = found["examples"]["structure/illegal_transition"]  # type: ignore[index]
    assert [(one["line"], one["runs"]) for one in examples] == [(1, 2), (3, 1), (4, 1)]
    run(["lint", str(path)])
    said = capsys.readouterr().out
    assert f"{path}:1 (0): message 2 is an assistant turn after an assistant turn (and 1 more)" in said
    assert said.count("the line breaks off") == 1


def test_lint_counts_keys_that_are_not_read(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    row = LINE_SAMPLES["openai"]() | {"reward": 0.5}
    row["messages"][1]["mood"] = "glad"
    path = written(tmp_path, row, row | {"id": "other"})
    assert report(capsys, path)[1]["keys_not_read"] == {"run.reward": 2, "message.mood": 2}
    run(["lint", str(path)])
    said = capsys.readouterr().out
    assert "message keys not read: mood (2)\n" in said
    assert "run keys not read: reward (2)\n" in said


def test_lint_names_tools_that_are_left_out_of_the_catalog(
    tmp_path: Path, catalog: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    document = json.loads(catalog.read_text())
    document["tools"].append({"name": "two words"})
    catalog.write_text(json.dumps(document))
    run(["lint", str(written(tmp_path, asked_for("an@firma.de"))), "--catalog", str(catalog)])
    assert "left out of the catalog: " in (said := capsys.readouterr().out)
    assert "tool 2: `name` must be text without spaces or quotes, found 'two words'" in said


def test_lint_counts_runs_that_another_one_begins_with(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    said = [
        {"role": "user", "content": "Hello, can you help me?"},
        {"role": "assistant", "content": "Gladly."},
        {"role": "user", "content": "Thanks."},
        {"role": "assistant", "content": "Any time."},
    ]
    path = written(tmp_path, *({"messages": said[:end], "outcome": {"status": "success"}} for end in (2, 4)))
    assert report(capsys, path)[1]["continued_in_another"] == 1
    run(["lint", str(path)])
    assert "1  of them begin another one" in capsys.readouterr().out
