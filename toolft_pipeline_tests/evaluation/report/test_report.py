"""The report of hostile logs: self-contained, escaped, the same bytes twice, the same figures in all three shapes."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from msgspec.structs import replace

from toolft_pipeline.agent_file import load_agent
from toolft_pipeline.catalog.build import load_catalog
from toolft_pipeline.chat.rendering.rendering import Segment
from toolft_pipeline.evaluation.bfcl.asking import SetRate
from toolft_pipeline.evaluation.judge.task import load_tasks
from toolft_pipeline.evaluation.promotion.gate import CandidateStatus, ChampionResult, decide_promotion
from toolft_pipeline.evaluation.report.report import write_report
from toolft_pipeline.evaluation.report.report_content import ReportContent, read_evaluation, read_loss
from toolft_pipeline.evaluation.report.training_example import TrainingExample
from toolft_pipeline.evaluation.report.trend import read_trend_point
from toolft_pipeline.evaluation.scoring.evaluate import evaluate, read_metrics
from toolft_pipeline.evaluation.scoring.intervals import wilson
from toolft_pipeline.settings import GateSettings
from toolft_pipeline_tests.conftest import REPOSITORY
from toolft_pipeline_tests.evaluation.report.test_logged_model import column
from toolft_pipeline_tests.evaluation.scripted import Message, ScriptedModel, call, oracle, prepared

AGENT = load_agent(REPOSITORY / "data" / "assistant" / "agent.yaml").model_copy(update={"sandbox": None})
HOSTILE = "</script><script>alert(1)</script><img src=http://evil.example/x onerror=alert(2)>\"'&\u202e"
PLAIN_TASKS = load_tasks(AGENT.path(AGENT.evaluation.tasks))[:6]
TASKS = [replace(PLAIN_TASKS[0], user_turns=(HOSTILE,), family=HOSTILE), *PLAIN_TASKS[1:]]
BFCL = {"candidate": {"simple_python": SetRate(n=4, right=wilson(3, 4))}}
PROOFS = {"loss_mask": True, HOSTILE: False}


def _hostile(messages: list[Message]) -> str:
    """Words where a call is wanted, or a call of a made-up tool."""
    says = len(messages) % 2 or len(messages[-1]["content"]) % 3 == 0
    return HOSTILE * 20 if says else HOSTILE + call("serch", **{HOSTILE: HOSTILE})


def _report(folder: Path) -> Path:
    results = {}
    for name, model in (("base", ScriptedModel(_hostile)), ("candidate", ScriptedModel(oracle(PLAIN_TASKS)))):
        results[name] = folder / name
        results[name].mkdir(parents=True)
        evaluate(
            prepared(model, name, catalog_tokens_saved_per_turn=321), tasks=PLAIN_TASKS, settings=AGENT,
            catalog=load_catalog(AGENT.path("catalog.json")), out=results[name], progress=lambda _line: None,
        )  # fmt: skip
    progress = folder / "progress.parquet"
    pq.write_table(pa.table({"step": [1, 2, 3], "loss": [3.0, None, 1.5]}), progress)
    candidate, base = (read_metrics(results[name]) for name in ("candidate", "base"))
    verdict = decide_promotion(
        candidate=candidate, candidate_status=CandidateStatus(as_of="2026-10-05", proofs=PROOFS),
        champion=ChampionResult(day="2026-10-04", content_digest="c" * 64, metrics=base), gate=GateSettings(),
    )  # fmt: skip
    out = folder / "out"
    out.mkdir()
    content = ReportContent(
        agent="assistant", day="2026-10-05", tasks=TASKS, verdict=verdict, proofs=PROOFS, logged=column(), bfcl=BFCL,
        models=[read_evaluation(name, made) for name, made in results.items()], loss=read_loss(progress),
        training_examples=[TRAINING_EXAMPLE], impossible=[f"old-task (unknown tool {HOSTILE})"],
    )  # fmt: skip
    write_report(content, out)
    return out


TRAINING_EXAMPLE = TrainingExample(
    category="single_call",
    row_id="run-1#0",
    trajectory_id="run-1",
    day="2026-10-01",
    file="2026-10-01.jsonl",
    line=7,
    segments=(Segment(text=f"user: {HOSTILE}\n", trained=False), Segment(text="the answer with loss", trained=True)),
)


class _Page(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.coloured: list[str] = []
        """Text of the stretches that are marked as trained."""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data
        if self.tags and self.tags[-1] == ("span", {"class": "trained"}):
            self.coloured.append(data)
            self.tags.append(("", {}))


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return _report(tmp_path_factory.mktemp("report"))


@pytest.fixture(scope="module")
def page(report: Path) -> _Page:
    parsed = _Page()
    parsed.feed((report / "report.html").read_text(encoding="utf-8"))
    return parsed


def test_report_shows_a_taught_row_with_its_log_line_and_its_loss(page: _Page) -> None:
    assert "2026-10-01.jsonl:7" in page.text
    assert f"user: {HOSTILE}\nthe answer with loss" in page.text
    assert page.coloured == ["Coloured", "the answer with loss"]
    assert "toolft explain assistant run-1" in page.text


def test_report_names_the_tasks_that_count_for_no_model(page: _Page) -> None:
    assert "1 task cannot be done with today's catalog and backend" in page.text
    assert f"old-task (unknown tool {HOSTILE})" in page.text


def test_report_shows_what_the_gate_could_not_look_at(page: _Page, report: Path) -> None:
    notes = json.loads((report / "metrics.json").read_text())["verdict"]["notes"]
    assert notes
    assert not [note for note in notes if note not in page.text]


def test_report_hostile_texts_are_shown_and_add_no_tag(page: _Page) -> None:
    assert HOSTILE in page.text
    assert [tag for tag, _ in page.tags].count("script") == 1
    assert not [tag for tag, _ in page.tags if tag in {"img", "iframe", "link", "object", "embed", "base"}]
    assert not [name for _, attributes in page.tags for name in attributes if name.startswith("on")]


def test_report_loads_nothing_and_lets_only_its_own_script_run(page: _Page, report: Path) -> None:
    assert not [value for _, attributes in page.tags for name, value in attributes.items() if name in {"src", "href"}]
    policy = next(attributes["content"] for tag, attributes in page.tags if "http-equiv" in attributes)
    assert policy is not None
    assert policy.startswith("default-src 'none'")
    assert "script-src 'sha256-" in policy
    style = re.search(r"<style>(.*?)</style>", (report / "report.html").read_text(encoding="utf-8"), re.DOTALL)
    assert style is not None
    assert "url(" not in style[1]


def test_report_shows_every_task_of_every_model_with_its_filters(page: _Page) -> None:
    cards = [attributes for tag, attributes in page.tags if tag == "details" and "data-model" in attributes]
    assert [card["data-model"] for card in cards] == ["candidate"] * len(TASKS) + ["base"] * len(TASKS)
    assert {card["data-outcome"] for card in cards if card["data-model"] == "candidate"} == {"passed"}
    assert all(isinstance(json.loads(card["data-tools"] or ""), list) for card in cards)


def test_report_without_rollouts_has_no_section_of_tasks_and_says_what_steps_miss(page: _Page, report: Path) -> None:
    assert "Tasks passed by category" not in page.text
    assert '<span class="chip bad">step: right_tool</span>' in (report / "report.html").read_text(encoding="utf-8")


def test_report_says_of_every_failed_turn_what_is_wrong_with_it(report: Path) -> None:
    html = (report / "report.html").read_text(encoding="utf-8")
    rows = [row for row in html.split("<tr>") if row.startswith('<td class="mark no">')]
    assert rows
    assert not [row for row in rows if '<span class="chip bad">' not in row]
    assert any("other tools than expected" in row for row in rows)


def test_report_metrics_have_the_agreed_keys(report: Path) -> None:
    combined = json.loads((report / "metrics.json").read_text())
    assert set(combined) == {"models", "catalog_tokens_saved_per_turn", "proofs", "verdict", "bfcl"}
    assert combined["catalog_tokens_saved_per_turn"] == 321
    assert combined["verdict"]["promote"] is False
    assert list(combined["models"]) == ["base", "candidate", "incumbent"]
    for model in (combined["models"]["base"], combined["models"]["candidate"]):
        for name in ("parse_rate", "right_tool", "valid_arguments", "hallucinated_tool", "exact_match", "fuzzy_match",
                     "functional_match", "task_success"):  # fmt: skip
            assert set(model[name]) == {"value", "low", "high"}
        assert {
            "n_steps",
            "n_tasks",
            "latency_ms_p50",
            "latency_ms_p95",
            "tokens_per_turn",
            "cost_per_1k_tasks",
        } <= set(model)


def test_report_incumbent_has_the_same_keys_and_nothing_where_logs_cannot_say(report: Path) -> None:
    models = json.loads((report / "metrics.json").read_text())["models"]
    assert models["incumbent"].keys() - {"note"} <= models["candidate"].keys()
    assert models["incumbent"]["task_success"]["value"] == 0.75
    assert models["incumbent"]["exact_match"] is None


def test_report_incumbent_is_a_column_with_dashes_and_a_warning(page: _Page, report: Path) -> None:
    assert "incumbent (logs)" in page.text
    assert "no paired test compares it" in page.text
    html = (report / "report.html").read_text(encoding="utf-8")
    row = html.split("<tr><th>exact match")[1].split("</tr>")[0]
    assert row.endswith('<td class="n m2">\u2013</td>')  # a dash


def test_report_with_an_incumbent_is_still_a_point_of_the_trend(report: Path) -> None:
    point = read_trend_point(report / "metrics.json", model="candidate", day="2026-10-05", made_at="now")
    assert point is not None
    assert point.rates["exact_match"].value == 1.0


def test_report_bfcl_is_a_table_with_dashes_for_what_was_not_asked(page: _Page, report: Path) -> None:
    assert json.loads((report / "metrics.json").read_text())["bfcl"]["candidate"]["simple_python"]["n"] == 4
    assert "Berkeley Function Calling Leaderboard" in page.text
    table = (report / "report.html").read_text(encoding="utf-8").split('data-part="bfcl"')[1].split("</table>")[0]
    assert ("75.0&nbsp;%" in table, table.count("\u2013</td>")) == (True, 3)


def test_report_generations_hold_every_answer(report: Path) -> None:
    rows = pq.read_table(report / "generations.parquet").to_pylist()
    turns = sum(message["role"] == "assistant" for task in PLAIN_TASKS for message in task.gold)
    assert len(rows) == 2 * turns
    assert all(row["passed"] for row in rows if row["model"] == "candidate")
    assert any(HOSTILE in row["generated"] and row["failures"] for row in rows if row["model"] == "base")


def test_report_turns_are_numbered_alike_in_steps_and_rollouts_and_shown(page: _Page, report: Path) -> None:
    rows = pq.read_table(report / "generations.parquet").to_pylist()
    turns = {task.task_id: sum(message["role"] == "assistant" for message in task.gold) for task in PLAIN_TASKS}
    for task_id, count in turns.items():
        found = [row["turn"] for row in rows if (row["model"], row["task_id"]) == ("candidate", task_id)]
        assert found == list(range(count))
    assert "Right tool by turn" in page.text
    assert f"turn {max(turns.values())}" in page.text


def test_report_twice_gives_the_same_bytes(report: Path, tmp_path: Path) -> None:
    again = _report(tmp_path)
    for name in ("metrics.json", "slices.parquet", "generations.parquet", "report.html"):
        assert (again / name).read_bytes() == (report / name).read_bytes()
