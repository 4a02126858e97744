"""The grammar as what the gate judges, through the real stages: one run of `assistant`, judged again without it.

The candidate is a tiny random model, whose figures are as bad under the grammar: whose the gate used, the verdict says.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from toolft_pipeline_tests.pipeline_site import DAY, TINY, Site, install, report_page

pytest.importorskip("llguidance", reason="no llguidance: pip install -e '.[constrained]'")

pytestmark = pytest.mark.slow  # a whole run, and a second evaluation

BEHIND = "candidate+constrained"
OVERRIDES = {key: value for key, value in TINY.items() if not key.startswith(("evaluation.bfcl", "gate.shadow"))} | {
    "evaluation.compare": "[]",
    "evaluation.max_turns": "2",
    "evaluation.probes": "true",
    "evaluation.max_probes": "6",
    "evaluation.max_task_tokens": "null",
    "evaluation.variants": '["constrained"]',
    "window_days": "1",
    "first_day": DAY,
}


@dataclass(frozen=True)
class Judged:
    """A report in force, and what `toolft run` wrote to make it."""

    folder: Path
    log: str
    shown: str

    def read(self, name: str) -> Any:
        return json.loads((self.folder / name).read_text(encoding="utf-8"))


def judge(site: Site, **overrides: str) -> Judged:
    given = [word for key, value in (OVERRIDES | overrides).items() for word in ("--set", f"{key}={value}")]
    finished = site.toolft("run", "assistant", *given)
    assert finished.returncode == 0, finished.stdout + finished.stderr
    shown = site.toolft("show", "assistant", "eval_report").stdout
    return Judged(report_page(shown).parent, finished.stdout + finished.stderr, shown)


@pytest.fixture(scope="module")
def site(tiny_model_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Site:
    return install(tmp_path_factory.mktemp("site"), tiny_model_folder)


@pytest.fixture(scope="module")
def served(site: Site) -> Judged:
    return judge(site, **{"serving.constrained": "true"})


def test_thresholds_are_held_against_the_figures_under_the_grammar(served: Judged) -> None:
    assert BEHIND in served.read("metrics.json")["models"]
    assert served.read("verdict.json")["judged"] == BEHIND
    assert served.read("variants.json")[0]["wins"] == served.read("variants.json")[0]["losses"] == 0
    assert f"thresholds are held against {BEHIND}" in served.shown
    assert f"thresholds are held against {BEHIND}" in (served.folder / "report.html").read_text(encoding="utf-8")


def test_questions_that_no_grammar_changes_are_asked_once(site: Site, served: Judged) -> None:
    """The kept answers are the candidate's own, to the millisecond."""
    evaluations = site.root / "data" / ".warehouse" / "assistant" / "evaluation"
    (behind,) = evaluations.glob("none-*-constrained/versions/*/generations.parquet")
    (alone,) = set(evaluations.glob("none-*/versions/*/generations.parquet")) - {behind}
    kept, own = (
        [row for row in pq.read_table(path).to_pylist() if row["kind"].startswith("probe")] for path in (behind, alone)
    )
    assert kept == own
    assert len(kept) == 6


def test_without_the_grammar_in_service_the_candidate_alone_is_judged_and_nothing_is_asked(
    site: Site, served: Judged
) -> None:
    again = judge(site, **{"serving.constrained": "false"})
    assert again.read("verdict.json")["judged"] is None
    assert "thresholds are held against" not in again.shown
    assert "loading model" not in again.log
    assert again.read("metrics.json")["models"] == served.read("metrics.json")["models"]
