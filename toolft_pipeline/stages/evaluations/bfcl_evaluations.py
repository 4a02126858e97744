"""BFCL's part of eval_report: every compared model is asked its questions, one version per model.

Invariant: without `evaluation.bfcl` nothing is read and nothing enters a fingerprint. A model folder is asked once,
even if the report compares it under several prompts: on these questions the prompts are the same.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from toolft_pipeline.evaluation.bfcl.asking import ANSWERS_FILE, SetRate, read_outcomes, read_rates
from toolft_pipeline.evaluation.bfcl.evaluate import ask_endpoint, ask_model
from toolft_pipeline.evaluation.bfcl.questions import BfclError, Question, QuestionSet, load_questions, question_files
from toolft_pipeline.evaluation.models.prompting import ModelUnderTest, PromptPolicy
from toolft_pipeline.settings import AgentSettings, EvaluationSettings
from toolft_pipeline.stages.evaluations.evaluations import (
    ENGINE,
    UNTUNED_PROMPTS,
    ComparedModel,
    engine_input,
    verify_model,
)
from toolft_pipeline.stages.spec.artifact import Artifact
from toolft_pipeline.stages.spec.nested import nested_version
from toolft_pipeline.stages.spec.stage import BuildContext
from toolft_pipeline.warehouse.digest import Json, digest_of, file_digest
from toolft_pipeline.warehouse.store import BuildOutput

BFCL_CODE = "1"
"""Raise it when questions are asked or scored differently."""


BFCL_EVALUATION = Artifact(
    asset="bfcl_evaluation",
    code_version=BFCL_CODE,
    settings=("chat.format", "evaluation.max_new_tokens"),
    placement=(*ENGINE, "evaluation.endpoints", "chat", "training.compute_type"),
)
"""One model's answers to BFCL's questions."""


def bfcl_reads(settings: AgentSettings) -> dict[str, Json]:
    """The settings that BFCL adds to the report's fingerprint."""
    evaluation = settings.evaluation
    asked = {of.value: _at_most(of, evaluation) for of in QuestionSet}
    return {} if evaluation.bfcl is None else {"bfcl": asked}


def _at_most(of: QuestionSet, evaluation: EvaluationSettings) -> int | None:
    return evaluation.bfcl_irrelevance if of is QuestionSet.IRRELEVANCE else evaluation.bfcl_questions


def bfcl_sources(settings: AgentSettings) -> dict[str, str]:
    """Digest of the question files, for the report's fingerprint; a missing file is reported when they are asked."""
    if settings.evaluation.bfcl is None:
        return {}
    folder = settings.path(settings.evaluation.bfcl)
    try:
        digests = {path.relative_to(folder).as_posix(): file_digest(path) for path in question_files(folder)}
    except BfclError:
        return {}
    return {"bfcl": digest_of({**digests})}


@dataclass(frozen=True, kw_only=True)
class BfclResults:
    """One model's rates by set, and whether it called nothing, by question of the irrelevance set."""

    rates: dict[str, SetRate]
    irrelevance: dict[str, bool]


def bfcl_results(context: BuildContext, models: Iterable[ComparedModel]) -> dict[str, BfclResults]:
    """Results by model name; nothing without `evaluation.bfcl`. Raises `BfclError`."""
    evaluation = context.settings.evaluation
    if evaluation.bfcl is None:
        return {}
    folder = context.settings.path(evaluation.bfcl)
    questions = [
        question for of in QuestionSet for question in load_questions(folder, of=of, at_most=_at_most(of, evaluation))
    ]
    asked = {(each.digest, each.policy is PromptPolicy.NONE): each for each in reversed([*models])}
    return {each.name: _results(context, each, questions) for each in reversed(asked.values())}


def _results(context: BuildContext, model: ComparedModel, questions: list[Question]) -> BfclResults:
    tuned = model.policy is PromptPolicy.NONE

    def build(settings: AgentSettings, out: Path) -> BuildOutput:
        verify_model(context, model)
        if model.folder is None:
            ask = partial(ask_endpoint, name=model.name)
        else:
            under_test = ModelUnderTest(name=model.name, folder=model.folder, policy=model.policy)
            ask = partial(ask_model, model=under_test)
        rates = ask(questions=questions, settings=settings, out=out, progress=context.progress)
        right: dict[str, Json] = {of: rate.right.value for of, rate in rates.items()}
        return BuildOutput(content=(ANSWERS_FILE,), rows={"questions": len(questions)}, headline=right)

    way = "tuned" if tuned else "untuned"
    ids: list[Json] = [question.id for question in questions]
    version = nested_version(
        context,
        BFCL_EVALUATION,
        partition=f"{way}-{model.digest[:16]}",
        inputs={
            "model": model.digest,
            "prompts": way if tuned else f"{way} {UNTUNED_PROMPTS}",
            "questions": digest_of(ids),
            **engine_input(context.settings, folder=model.folder),
            **bfcl_sources(context.settings),
        },
        build=build,
    )
    return BfclResults(
        rates=read_rates(version.folder), irrelevance=read_outcomes(version.folder, QuestionSet.IRRELEVANCE)
    )
