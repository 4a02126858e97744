"""Evaluate one model on BFCL's questions, apart from its evaluation on the agent's tasks.

Invariant: reads a model folder or an endpoint and the questions; of the agent only its chat format.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from toolft_pipeline.engines.model_loading import load_tokenizer
from toolft_pipeline.evaluation.bfcl.asking import SetRate, ask, write_answers
from toolft_pipeline.evaluation.bfcl.questions import Question
from toolft_pipeline.evaluation.models.endpoint import EndpointModel
from toolft_pipeline.evaluation.models.folder_decoder import FolderDecoder
from toolft_pipeline.evaluation.models.prompting import ModelUnderTest, make_prompter
from toolft_pipeline.settings import AgentSettings

Progress = Callable[[str], None]


def ask_model(
    *, model: ModelUnderTest, questions: Sequence[Question], settings: AgentSettings, out: Path, progress: Progress
) -> dict[str, SetRate]:
    """Load a model folder, ask it, write both files into `out`. Raises `DecodingError` for a folder without a model."""
    progress(f"{model.name}: {len(questions)} questions of BFCL")
    tokenizer = load_tokenizer(model.folder)
    catalog = questions[0].catalog
    prompter = make_prompter(model, chat=settings.chat, catalog=catalog, tokenizer=tokenizer, examples=tuple)
    decoder = FolderDecoder(
        model.folder,
        settings=settings,
        tokenizer=tokenizer,
        stops=prompter.stops,
        progress=lambda line: progress(f"{model.name}: {line}"),
    )
    try:
        generator = decoder.generator(settings.evaluation.max_new_tokens)
        return write_answers(ask(questions, prompter=prompter, generator=generator), out)
    finally:
        decoder.close()


def ask_endpoint(
    *, name: str, questions: Sequence[Question], settings: AgentSettings, out: Path, progress: Progress
) -> dict[str, SetRate]:
    """Do the same for a model behind one of `evaluation.endpoints`, by its name. Raises `EndpointError`."""
    progress(f"{name}: {len(questions)} questions of BFCL")
    model = EndpointModel(
        name=name,
        settings=settings.evaluation.endpoints[name],
        catalog=questions[0].catalog,
        system_prompt="strip",
        max_new_tokens=settings.evaluation.max_new_tokens,
        progress=lambda line: progress(f"{name}: {line}"),
    )
    return write_answers(ask(questions, prompter=model, generator=model), out)
