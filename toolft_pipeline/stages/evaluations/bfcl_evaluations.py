"""BFCL's part of eval_report: every model of the report asked its questions, a version of its own per model.

Invariant: without `evaluation.bfcl` nothing is read and nothing enters a fingerprint. A model folder is asked once,
however many prompts of the agent's tasks it stands under: on these questions they are the same.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from pathlib import Path

from toolft_pipeline.evaluation.bfcl.asking import ANSWERS_FILE, SetRate, read_rates
from toolft_pipeline.evaluation.bfcl.evaluate import ask_endpoint, ask_model
from toolft_pipeline.evaluation.bfcl.questions import BfclError, Question, QuestionSet, load_questions, question_files
from toolft_pipeline.evaluation.models.prompting import ModelUnderTest, PromptPolicy
from toolft_pipeline.settings import AgentSettings
from toolft_pipeline.stages.evaluations.evaluations import UNTUNED_PROMPTS, Contender
from toolft_pipeline.stages.spec.artifact import Artifact
from toolft_pipeline.stages.spec.declared_settings import GOLDEN_RUNS
from toolft_pipeline.stages.spec.nested import nested_version
from toolft_pipeline.stages.spec.stage import BuildContext
from toolft_pipeline.warehouse.digest import Json, digest_of, file_digest
from toolft_pipeline.warehouse.store import Built

BFCL_CODE = "1"
"""Raise it when questions are put or judged in another way."""


BFCL_EVALUATION = Artifact(
    asset="bfcl_evaluation",
    code_version=BFCL_CODE,
    settings=("chat.format", "evaluation.max_new_tokens"),
    placement=("evaluation.batch_size", "evaluation.endpoints", "chat", *GOLDEN_RUNS, "training.compute_type"),
)
"""One model asked BFCL's questions."""


def bfcl_reads(settings: AgentSettings) -> dict[str, Json]:
    """What the report reads of the settings for it."""
    evaluation = settings.evaluation
    return {} if evaluation.bfcl is None else {"bfcl": evaluation.bfcl_questions}


def bfcl_sources(settings: AgentSettings) -> dict[str, str]:
    """Digest of the questions, for the report's fingerprint; what is missing is said when they are asked."""
    if settings.evaluation.bfcl is None:
        return {}
    folder = settings.path(settings.evaluation.bfcl)
    try:
        found = {path.relative_to(folder).as_posix(): file_digest(path) for path in question_files(folder)}
    except BfclError:
        return {}
    return {"bfcl": digest_of({**found})}


def bfcl_rates(context: BuildContext, contenders: Iterable[Contender]) -> dict[str, dict[str, SetRate]]:
    """The rates of each contender by its name and then by set; nothing where no folder is named. Raises `BfclError`."""
    evaluation = context.settings.evaluation
    if evaluation.bfcl is None:
        return {}
    folder = context.settings.path(evaluation.bfcl)
    questions = [
        question for of in QuestionSet for question in load_questions(folder, of=of, at_most=evaluation.bfcl_questions)
    ]
    asked = {(each.digest, each.policy is PromptPolicy.NONE): each for each in reversed([*contenders])}
    return {each.name: _rates(context, each, questions) for each in reversed(asked.values())}


def _rates(context: BuildContext, contender: Contender, questions: list[Question]) -> dict[str, SetRate]:
    tuned = contender.policy is PromptPolicy.NONE

    def build(settings: AgentSettings, out: Path) -> Built:
        if contender.folder is None:
            judge = partial(ask_endpoint, name=contender.name)
        else:
            model = ModelUnderTest(name=contender.name, folder=contender.folder, policy=contender.policy)
            judge = partial(ask_model, model=model)
        rates = judge(questions=questions, settings=settings, out=out, progress=context.progress)
        right: dict[str, Json] = {of: rate.right.value for of, rate in rates.items()}
        return Built(content=(ANSWERS_FILE,), rows={"questions": len(questions)}, headline=right)

    way = "tuned" if tuned else "untuned"
    ids: list[Json] = [question.id for question in questions]
    version = nested_version(
        context,
        BFCL_EVALUATION,
        partition=f"{way}-{contender.digest[:16]}",
        inputs={
            "model": contender.digest,
            "prompts": way if tuned else f"{way} {UNTUNED_PROMPTS}",
            "questions": digest_of(ids),
            **bfcl_sources(context.settings),
        },
        build=build,
    )
    return read_rates(version.folder)
