"""An evaluation is found by everything that decides its figures: nothing is reused that would come out otherwise."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from toolft_pipeline.evaluation.judge.task import Task, load_tasks
from toolft_pipeline.evaluation.models.prompting import PromptPolicy
from toolft_pipeline.settings.evaluation import Variant
from toolft_pipeline.stages import eval_report
from toolft_pipeline.stages.evaluations import evaluations
from toolft_pipeline.stages.evaluations.evaluations import EVALUATION, ComparedModel, reuse_or_evaluate
from toolft_pipeline.stages.spec.stage import BuildContext
from toolft_pipeline.warehouse.digest import digest_of
from toolft_pipeline.warehouse.store import Warehouse
from toolft_pipeline_tests.agents import agent
from toolft_pipeline_tests.conftest import REPOSITORY
from toolft_pipeline_tests.evaluation.model_versions import AGENT, commit

TASKS = load_tasks(REPOSITORY / "data" / "assistant" / "tasks.jsonl")
MODEL = ComparedModel(name="candidate", folder=None, digest="a" * 64, policy=PromptPolicy.NONE)


@pytest.mark.parametrize(
    "changed", [{"extra_calls": 0}, {"max_turns": 3}, {"max_new_tokens": 64}, {"probes": False}], ids=str
)
def test_setting_of_the_judge_makes_another_evaluation(tmp_path: Path, changed: dict[str, Any]) -> None:
    plain, other = agent(tmp_path), agent(tmp_path, evaluation=changed)
    assert EVALUATION.fingerprint_settings(plain) != EVALUATION.fingerprint_settings(other)
    assert eval_report.STAGE.fingerprint_settings(plain) != eval_report.STAGE.fingerprint_settings(other)


def inputs(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    *,
    model: ComparedModel = MODEL,
    tasks: list[Task] = TASKS,
    catalog: str = "catalog",
    tasks_from: str = "tasks",
    rollout_client: str = "builtin",
) -> dict[str, str]:
    """What an evaluation is found by, besides settings and code; nothing is evaluated."""
    found: list[dict[str, str]] = []
    monkeypatch.setattr(evaluations, "nested_version", lambda *_, inputs, **__: found.append(inputs))
    warehouse = Warehouse(tmp_path / "warehouse")
    context = BuildContext(
        settings=agent(
            tmp_path, name=AGENT, sandbox={"command": ["python", "backend/server.py"]},
            evaluation={"rollout_client": rollout_client},
        ),
        partition="d", inputs={"tool_catalog": {"all": commit(warehouse, "tool_catalog", None, catalog)}}, out=tmp_path,
        scratch=tmp_path, warehouse=warehouse, progress=print, run_id=None,
    )  # fmt: skip
    reuse_or_evaluate(context, model, tasks, tasks_from={"tasks.jsonl": tasks_from})
    (made,) = found
    return made


def test_evaluation_is_found_by_what_decides_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "backend").mkdir()
    server = tmp_path / "backend" / "server.py"
    server.write_text("LIMIT = 1\n")
    plain = inputs(tmp_path, monkeypatch)
    assert inputs(tmp_path, monkeypatch) == plain
    others = [
        inputs(tmp_path, monkeypatch, model=replace(MODEL, digest="b" * 64)),
        inputs(tmp_path, monkeypatch, model=replace(MODEL, policy=PromptPolicy.FULL_CATALOG)),
        inputs(tmp_path, monkeypatch, tasks=TASKS[1:]),
        inputs(tmp_path, monkeypatch, catalog="another catalog"),
        inputs(tmp_path, monkeypatch, tasks_from="edited tasks"),
    ]
    server.write_text("LIMIT = 2\n")
    others.append(inputs(tmp_path, monkeypatch))
    assert plain not in others
    assert all(others.count(other) == 1 for other in others)


def test_rollout_client_decides_the_evaluation_of_a_tuned_model_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "backend").mkdir()
    (tmp_path / "backend" / "server.py").touch()
    base = replace(MODEL, policy=PromptPolicy.FULL_CATALOG)
    own, served = (inputs(tmp_path, monkeypatch, rollout_client=name) for name in ("builtin", "langgraph"))
    assert "rollout_client" not in own, "evaluations from before the setting keep their identity"
    assert served == own | {"rollout_client": "langgraph"}
    assert inputs(tmp_path, monkeypatch, model=base, rollout_client="langgraph") == inputs(
        tmp_path, monkeypatch, model=base
    )
    reports = [
        eval_report.STAGE.fingerprint_settings(agent(tmp_path, evaluation={"rollout_client": name}))
        for name in ("builtin", "langgraph")
    ]
    assert reports[0] == eval_report.STAGE.fingerprint_settings(agent(tmp_path)) != reports[1]


def test_report_is_made_again_with_the_judge(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = agent(tmp_path)
    before = eval_report.STAGE.fingerprint_settings(settings)
    monkeypatch.setattr(eval_report, "EVALUATION", replace(EVALUATION, code_version="another judge"))
    assert eval_report.STAGE.fingerprint_settings(settings) != before


def test_each_variant_is_an_evaluation_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plain = inputs(tmp_path, monkeypatch)
    nets = [inputs(tmp_path, monkeypatch, model=replace(MODEL, variant=variant)) for variant in Variant]
    monkeypatch.setattr("toolft_pipeline.evaluation.promotion.variant_identity.version", lambda _package: "another")
    nets.append(inputs(tmp_path, monkeypatch, model=replace(MODEL, variant=Variant.CONSTRAINED)))
    assert plain not in nets
    assert all(nets.count(each) == 1 for each in nets)
    assert len({each["generations"] for each in (plain, *nets)}) == 4


def test_variants_enter_the_report_and_no_other_evaluation(tmp_path: Path) -> None:
    plain, other = agent(tmp_path), agent(tmp_path, evaluation={"variants": ["constrained"]})
    assert EVALUATION.fingerprint_settings(plain) == EVALUATION.fingerprint_settings(other)
    assert eval_report.STAGE.fingerprint_settings(plain) != eval_report.STAGE.fingerprint_settings(other)


def test_a_report_is_judged_again_when_the_net_of_its_thresholds_changes(tmp_path: Path) -> None:
    def report(**sections: Any) -> str:
        return digest_of(eval_report.STAGE.fingerprint_settings(agent(tmp_path, **sections)))

    served, evaluated = {"serving": {"constrained": True}}, {"evaluation": {"variants": ["constrained"]}}
    assert report(**served) == report()
    assert len({report(), report(**evaluated), report(**evaluated, **served)}) == 3
