"""A changed judge, or changed expectations of tasks, judge stored answers again: the model is not loaded."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from toolft_pipeline.agent_file import load_agent
from toolft_pipeline.catalog.build import build_catalog
from toolft_pipeline.chat.formats import get_format
from toolft_pipeline.chat.rendering.serving import install_chat_format
from toolft_pipeline.engines.model_loading import load_tokenizer
from toolft_pipeline.evaluation.judge.task import load_tasks
from toolft_pipeline.evaluation.models import folder_decoder
from toolft_pipeline.evaluation.models.generation import Generation
from toolft_pipeline.evaluation.models.prompting import PromptPolicy
from toolft_pipeline.evaluation.scoring import prepared_model
from toolft_pipeline.evaluation.scoring.tables import read_rollouts
from toolft_pipeline.settings import CatalogMode
from toolft_pipeline.stages.evaluations.evaluations import EVALUATION, ComparedModel, reuse_or_evaluate
from toolft_pipeline.stages.spec import sources
from toolft_pipeline.stages.spec.artifact import Artifact
from toolft_pipeline.stages.spec.stage import BuildContext
from toolft_pipeline.warehouse.manifest import ArtifactKey, fingerprint_of
from toolft_pipeline.warehouse.store import BuildOutput, Recipe, Version, Warehouse

OVERRIDES = {"sandbox.sessions": "1", "evaluation.probes": "true"}
ANSWER = "Done."
TOKENIZER = cache(load_tokenizer)
"""Loaded once for all evaluations of this file: it takes seconds."""


class Model:
    """Stands for weights and decoding: always the same answer. It refuses to be loaded where none may be."""

    def __init__(self) -> None:
        self.may_load = True
        self.asked: list[str] = []
        self.tokenizer: Any = None

    def load(self, _folder: Path, **_how: object) -> None:
        assert self.may_load, "the model is loaded"

    def decoder(self, **parts: Any) -> Model:
        self.tokenizer = parts["tokenizer"]
        return self

    def generate(self, prompts: Sequence[Sequence[int]]) -> list[Generation]:
        assert self.may_load, "the model is asked"
        self.asked += [self.tokenizer.decode(prompt) for prompt in prompts]
        return [Generation(text=ANSWER, n_prompt_tokens=len(p), n_new_tokens=2, latency_ms=9.0) for p in prompts]


class Site:
    """Three tasks of the assistant, and a warehouse."""

    def __init__(self, folder: Path, root: Path, tokenizer: Path) -> None:
        self.agent_file, self.tasks, self.root = folder / "agent.yaml", folder / "tasks.jsonl", root
        self.tasks.write_text("".join(self.tasks.read_text().splitlines(keepends=True)[:3]))
        self.tokenizer, self.warehouse = tokenizer, Warehouse(root / "warehouse")
        self.lines: list[str] = []
        self.catalog = self._catalog()

    def _catalog(self) -> Version:
        address = ArtifactKey(agent="assistant", asset="tool_catalog")
        fingerprint = fingerprint_of(code_version="1", settings={}, inputs={})
        recipe = Recipe(address=address, fingerprint=fingerprint, code_version="1", settings={}, inputs={})
        with self.warehouse.staging(address) as staged:
            build_catalog(load_agent(self.agent_file), staged)
            built = BuildOutput(content=("catalog.json",), rows={}, headline={})
            return self.warehouse.commit(staged, recipe, built, run_id=None, started=0.0)

    def evaluated(self, artifact: Artifact = EVALUATION, *, force: bool = False, **overrides: str) -> Version:
        self.lines.clear()
        named = {name.replace("__", "."): value for name, value in overrides.items()}
        settings = load_agent(self.agent_file, overrides=OVERRIDES | named)
        context = BuildContext(
            settings=settings, partition="2026-10-05", inputs={"tool_catalog": {"all": self.catalog}}, out=self.root,
            scratch=self.root, warehouse=self.warehouse, progress=self.lines.append, run_id=None, force=force,
        )  # fmt: skip
        model = ComparedModel(name="candidate", folder=self.tokenizer, digest="d" * 64, policy=PromptPolicy.NONE)
        tasks_from = sources.agent_file(settings, settings.evaluation.tasks)
        return reuse_or_evaluate(context, model, load_tasks(self.tasks), tasks_from=tasks_from, artifact=artifact)

    def edit(self, change: Callable[[dict[str, Any]], None]) -> None:
        """Change the second task."""
        rows = [json.loads(line) for line in self.tasks.read_text().splitlines()]
        change(rows[1])
        self.tasks.write_text("".join(f"{json.dumps(row)}\n" for row in rows))

    @property
    def judged_again(self) -> str:
        return next((line for line in self.lines if "judged again" in line), "")


@pytest.fixture
def model(monkeypatch: pytest.MonkeyPatch) -> Model:
    made = Model()
    monkeypatch.setattr(folder_decoder, "load_model", made.load)
    monkeypatch.setattr(folder_decoder, "TransformersGenerator", made.decoder)
    monkeypatch.setattr(prepared_model, "load_tokenizer", TOKENIZER)
    return made


@pytest.fixture(scope="module")
def tokenizer_folder(gemma_tokenizer_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tokenizer with the agent's template, as a merged model has it."""
    from transformers import AutoTokenizer

    folder = tmp_path_factory.mktemp("merged")
    tokenizer = AutoTokenizer.from_pretrained(gemma_tokenizer_folder)
    install_chat_format(tokenizer, get_format("gemma3"), CatalogMode.NONE)
    tokenizer.save_pretrained(folder)
    return folder


@pytest.fixture
def site(assistant_folder: Path, tmp_path: Path, tokenizer_folder: Path, model: Model) -> Site:
    made = Site(assistant_folder, tmp_path, tokenizer_folder)
    assert made.evaluated().manifest.rows["generations_reused"] == 0
    assert made.judged_again == ""
    assert model.asked
    model.asked.clear()
    return made


def _other_plan(row: dict[str, Any]) -> None:
    row["expected_state"] = "sha256:" + "0" * 64
    row["plan"] = []
    row["answers"] = [{"turn": 0, "ending": "done"}]


def test_changed_judge_or_expectations_load_no_model(site: Site, model: Model) -> None:
    model.may_load = False
    again = site.evaluated(replace(EVALUATION, code_version="next judge"))
    assert site.judged_again.endswith("generations reused, none new, so the model was not asked")
    assert again.manifest.rows["generations_reused"] > 20
    before = {row.task_id: row for row in read_rollouts(again.folder)}
    site.edit(_other_plan)
    after = {row.task_id: row for row in read_rollouts(site.evaluated().folder)}
    changed = [task_id for task_id in before if before[task_id] != after[task_id]]
    assert changed == [list(before)[1]]
    assert [turn.generated for row in after.values() for turn in row.turns] == [ANSWER] * 3
    site.evaluated(evaluation__max_turns="3", evaluation__extra_calls="5")
    assert "none new" in site.judged_again


def test_changed_user_turn_asks_the_model_for_that_task_alone(site: Site, model: Model) -> None:
    def ask_otherwise(row: dict[str, Any]) -> None:
        row["user_turns"] = ["Something else entirely?"]

    site.edit(ask_otherwise)
    site.evaluated()
    assert len(model.asked) == 1
    assert "Something else entirely?" in model.asked[0]
    assert site.judged_again.endswith("1 new ones")


def test_what_decides_an_answer_asks_the_model_again(site: Site, model: Model) -> None:
    asked = []
    for forced, overrides in ((False, {"evaluation__max_new_tokens": "9"}), (True, {})):
        site.evaluated(force=forced, **overrides)
        assert site.judged_again == ""
        asked.append(len(model.asked))
        model.asked.clear()
    assert min(asked) > 20


def test_damaged_generations_are_not_reused(site: Site, model: Model) -> None:
    file = next(site.warehouse.root.rglob("generations.parquet"))
    file.chmod(0o644)
    file.write_bytes(file.read_bytes() + b" ")
    site.evaluated(replace(EVALUATION, code_version="next judge"))
    assert any("damaged, its generations are not reused" in line for line in site.lines)
    assert len(model.asked) > 20


def test_another_rollout_client_judges_the_same_answers(site: Site, model: Model) -> None:
    """LangGraph's loop through our server asks the very prompts of evaluation's own: no answer is new."""
    before = site.evaluated()
    model.may_load = False
    after = site.evaluated(evaluation__rollout_client="langgraph")
    assert after.folder != before.folder
    assert "none new, so the model was not asked" in site.judged_again
    assert after.file("rollouts.parquet").read_bytes() == before.file("rollouts.parquet").read_bytes()
    assert site.evaluated(evaluation__rollout_client="builtin").folder == before.folder
