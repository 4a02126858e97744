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
from toolft_pipeline.stages.evaluations.evaluations import UNTUNED_PROMPTS, Contender, nested
from toolft_pipeline.stages.spec.stage import Work
from toolft_pipeline.warehouse.digest import Json, digest_of, file_digest
from toolft_pipeline.warehouse.manifest import Address
from toolft_pipeline.warehouse.store import Built

BFCL_CODE = "1"
"""Raise it when questions are put or judged in another way."""


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


def bfcl_rates(work: Work, contenders: Iterable[Contender]) -> dict[str, dict[str, SetRate]]:
    """The rates of each contender by its name and then by set; nothing where no folder is named. Raises `BfclError`."""
    evaluation = work.settings.evaluation
    if evaluation.bfcl is None:
        return {}
    folder = work.settings.path(evaluation.bfcl)
    questions = [
        question for of in QuestionSet for question in load_questions(folder, of=of, at_most=evaluation.bfcl_questions)
    ]
    asked = {(each.digest, each.policy is PromptPolicy.NONE): each for each in reversed([*contenders])}
    return {each.name: _rates(work, each, questions) for each in reversed(asked.values())}


def _rates(work: Work, contender: Contender, questions: list[Question]) -> dict[str, SetRate]:
    settings = work.settings
    tuned = contender.policy is PromptPolicy.NONE

    def build(out: Path) -> Built:
        if contender.folder is None:
            judge = partial(ask_endpoint, name=contender.name)
        else:
            model = ModelUnderTest(name=contender.name, folder=contender.folder, policy=contender.policy)
            judge = partial(ask_model, model=model)
        rates = judge(questions=questions, settings=settings, out=out, progress=work.progress)
        right: dict[str, Json] = {of: rate.right.value for of, rate in rates.items()}
        return Built(content=(ANSWERS_FILE,), rows={"questions": len(questions)}, headline=right)

    way = "tuned" if tuned else "untuned"
    ids: list[Json] = [question.id for question in questions]
    version = nested(
        work,
        Address(agent=settings.name, asset="bfcl_evaluation", partition=f"{way}-{contender.digest[:16]}"),
        code_version=BFCL_CODE,
        reads={"format": settings.chat.format, "max_new_tokens": settings.evaluation.max_new_tokens},
        inputs={
            "model": contender.digest,
            "prompts": way if tuned else f"{way} {UNTUNED_PROMPTS}",
            "questions": digest_of(ids),
            **bfcl_sources(settings),
        },
        build=build,
    )
    return read_rates(version.folder)
