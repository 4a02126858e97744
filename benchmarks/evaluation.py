"""Rollouts side by side against one at a time, on the help desk's tasks: how much sooner, and whether all end alike.

A tiny random model in fp32 stands in for a tuned one: it decodes real prompts, and what it writes decides whether a
turn goes as the gold run went or as a spoilt one, so that a single other token shows in transcripts and verdicts.
With `--model` a tuned model's folder is rolled out in earnest, in bf16 as in production, and compared token by token
too (see `exactness`); then in fp32 verdicts are compared for several batch sizes.

    python -m benchmarks.evaluation [--model FOLDER] [--quick] [--json]
"""

from __future__ import annotations

import argparse
import json
import time
from collections import deque
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zlib import crc32

from benchmarks.exactness import Recording, Tokens, token_agreement
from benchmarks.judge import DATA
from benchmarks.scripted_runs import DeskSandbox
from toolft_pipeline.agent_file import AGENT_FILE, load_agent
from toolft_pipeline.catalog.build import load_catalog
from toolft_pipeline.catalog.validator import CatalogValidator
from toolft_pipeline.chat.rendering.parsing import ParsedCall, ParsedTurn
from toolft_pipeline.compute_type import ComputeType
from toolft_pipeline.engines.model_loading import load_model
from toolft_pipeline.evaluation.judge.judge_rollout import judge_rollout
from toolft_pipeline.evaluation.judge.task import Task, load_tasks
from toolft_pipeline.evaluation.judge.transcript import Transcript
from toolft_pipeline.evaluation.models.generation import Generation
from toolft_pipeline.evaluation.models.prompting import ModelUnderTest, Prompter, make_prompter
from toolft_pipeline.evaluation.scoring.rollout import RolloutLimits
from toolft_pipeline.evaluation.scoring.rollouts import run_rollouts
from toolft_pipeline.evaluation.scoring.task_sampling import sample_tasks
from toolft_pipeline.sandbox.session_pool import SessionPool
from toolft_pipeline.settings import AgentSettings

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

BATCHES = (32, 8)
"""Rows decoded side by side; the first is what the help desk's agent file asks for."""

FP32_BATCHES = (1, 4, 16)
FEW = 6
"""Tasks that are rolled out in fp32 for each batch size."""

NEW_TOKENS = 24
VOCABULARY = 4096
SPOILT_SHARE = 4
"""One turn in so many goes wrong."""


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="Batched rollouts against one at a time.")
    parser.add_argument("--model", type=Path, help="a tuned model's folder; a tiny random model without it")
    parser.add_argument("--quick", action="store_true", help="fewer tasks")
    parser.add_argument("--json", action="store_true", help="end with one line of figures")
    asked = parser.parse_args()
    settings = load_agent(DATA / AGENT_FILE)
    count = BATCHES[0] if asked.model else 40 if asked.quick else 240
    tasks = sample_tasks(load_tasks(settings.path(settings.evaluation.tasks)), count)
    if asked.model and asked.quick:
        tasks = tasks[:4]
    print(f"{asked.model or 'a tiny random model in fp32'}, {len(tasks)} tasks")
    figures = measure(tasks, settings=settings, folder=asked.model)
    _print(figures)
    if asked.model:
        fp32 = measure_fp32(tasks[:FEW], settings=settings, folder=asked.model)
        _print(fp32)
        figures |= fp32
    if asked.json:
        against = {"ratio": 3.0, "one_at_a_time_tasks_per_s": figures["one_at_a_time_tasks_per_s"]}
        print(json.dumps({"figures": figures, "against": against, "rows": len(tasks)}))


def _print(figures: dict[str, float]) -> None:
    for name, value in figures.items():
        print(f"{name:40} {value:.4g}", flush=True)


def measure(tasks: Sequence[Task], *, settings: AgentSettings, folder: Path | None) -> dict[str, float]:
    """Tasks a second one at a time and in batches; how far transcripts, verdicts and a tuned model's tokens agree.

    `ratio` is of wall times; `cpu_ratio` is of this process's processor seconds, which a busy machine does not move.
    """
    model, tokenizer, prompter = _tiny(tasks) if folder is None else _tuned(folder, settings)
    new_tokens = NEW_TOKENS if folder is None else settings.evaluation.max_new_tokens
    roll = _roller(model, tokenizer, prompter, new_tokens=new_tokens, settings=settings)
    roll(tasks[:2], 2, {})  # what the first run loads and warms is nobody's time
    answers: Tokens = {}
    began, worked = time.monotonic(), time.process_time()
    alone = [transcript for task in tasks for transcript in roll([task], 1, answers)]
    figures = {"one_at_a_time_tasks_per_s": len(tasks) / (time.monotonic() - began)}
    worked_alone = time.process_time() - worked
    for batch in BATCHES:
        batched: Tokens = {}
        began, worked = time.monotonic(), time.process_time()
        together = roll(tasks, batch, batched)
        figures[f"batch_{batch}_tasks_per_s"] = len(tasks) / (time.monotonic() - began)
        figures[f"batch_{batch}_cpu_ratio"] = worked_alone / (time.process_time() - worked)
        figures[f"batch_{batch}_same_texts"] = _share(tasks, alone, together, lambda _task, run: _texts(run))
        figures[f"batch_{batch}_same_verdicts"] = _share(tasks, alone, together, _verdict)
        if folder is not None:
            agreement = token_agreement(answers, batched, model=model)
            figures |= {f"batch_{batch}_{name}": figure for name, figure in agreement.figures.items()}
            for each in agreement.divergences:
                print(f"batch {batch}: another token after {each.place}, the two best logits {each.gap:.4g} apart")
    figures["ratio"] = figures[f"batch_{BATCHES[0]}_tasks_per_s"] / figures["one_at_a_time_tasks_per_s"]
    figures["passed"] = sum(_verdict(task, run) for task, run in zip(tasks, alone, strict=True)) / len(tasks)
    figures["turns"] = float(sum(len(run.turns) for run in alone))
    return figures


def measure_fp32(tasks: Sequence[Task], *, settings: AgentSettings, folder: Path) -> dict[str, float]:
    """Shares of transcripts and verdicts of a tuned model in fp32 that are those of one task at a time."""
    _, tokenizer, prompter = _tuned(folder, settings)
    model, new_tokens = load_model(folder, compute=ComputeType.FP32), settings.evaluation.max_new_tokens
    roll = _roller(model, tokenizer, prompter, new_tokens=new_tokens, settings=settings)
    alone, *batched = [roll(tasks, batch, {}) for batch in FP32_BATCHES]
    return {
        f"fp32_batch_{batch}_same_{what}": _share(tasks, alone, together, seen)
        for batch, together in zip(FP32_BATCHES[1:], batched, strict=True)
        for what, seen in (("texts", lambda _task, run: _texts(run)), ("verdicts", _verdict))
    }


def _roller(
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    prompter: Prompter,
    *,
    new_tokens: int,
    settings: AgentSettings,
) -> Callable[[Sequence[Task], int, Tokens], list[Transcript]]:
    """Rolls tasks out in batches and notes the tokens of every answer."""
    validator = CatalogValidator(load_catalog(settings.path("catalog.json")))
    limits = RolloutLimits(max_turns=settings.evaluation.max_turns, max_prompt_tokens=10_000, extra_calls=1)

    def roll(tasks: Sequence[Task], batch_size: int, tokens: Tokens) -> list[Transcript]:
        generator = Recording(
            model=model,
            tokenizer=tokenizer,
            stops=prompter.stops,
            max_new_tokens=new_tokens,
            batch_size=batch_size,
            tokens=tokens,
        )
        sessions = SessionPool(DeskSandbox, size=batch_size)
        return run_rollouts(
            tasks, prompter=prompter, generator=generator, sessions=sessions, validator=validator, limits=limits
        )

    return roll


def _share(
    tasks: Sequence[Task],
    alone: Sequence[Transcript],
    together: Sequence[Transcript],
    seen: Callable[[Task, Transcript], object],
) -> float:
    return sum(seen(t, a) == seen(t, b) for t, a, b in zip(tasks, alone, together, strict=True)) / len(tasks)


def _texts(transcript: Transcript) -> list[str]:
    return [turn.generation.text for turn in transcript.turns]


def _verdict(task: Task, transcript: Transcript) -> bool:
    return judge_rollout(task, transcript, extra_calls=1).passed


class _Chosen:
    """Prompts of a token a word; the turn that is read is the gold run's, or now and then an early answer.

    Turns are read in the order of their prompts, which is how rollouts ask.
    """

    stops: tuple[str, ...] = ("<eos>",)

    def __init__(self, tasks: Sequence[Task]) -> None:
        self._gold = {task.user_turns: [m for m in task.gold if m["role"] == "assistant"] for task in tasks}
        self._asked: deque[dict[str, Any]] = deque()

    def prompt(self, messages: list[dict[str, Any]]) -> list[int]:
        """The conversation as token ids; the gold run's next turn waits to be read."""
        said = [message["content"] for message in messages if message["role"] == "user"]
        gold = next(turns for asked, turns in self._gold.items() if list(asked[: len(said)]) == said)
        place = sum(message["role"] == "assistant" for message in messages)
        self._asked.append(gold[place] if place < len(gold) else gold[-1])
        return [2 + crc32(word.encode()) % (VOCABULARY - 2) for word in json.dumps(messages).split()]

    def read(self, generation: Generation) -> ParsedTurn:
        """What the model wrote decides which turn it is."""
        gold = self._asked.popleft()
        if crc32(generation.text.encode()) % SPOILT_SHARE == 0:
            return ParsedTurn(text="Done.")
        calls = tuple(
            ParsedCall(name=call["function"]["name"], arguments_json=call["function"]["arguments"])
            for call in gold.get("tool_calls") or ()
        )
        return ParsedTurn(text=gold["content"] or "", calls=calls)


def _tiny(tasks: Sequence[Task]) -> tuple[PreTrainedModel, PreTrainedTokenizerBase, Prompter]:
    """Four layers of random weights, scaled up so that answers differ, and a tokenizer of numbered words."""
    import torch
    from tokenizers import Tokenizer
    from tokenizers.models import WordLevel
    from transformers import Gemma3ForCausalLM, Gemma3TextConfig, PreTrainedTokenizerFast

    config = Gemma3TextConfig(
        vocab_size=VOCABULARY,
        hidden_size=256,
        intermediate_size=1024,
        num_hidden_layers=4,
        num_attention_heads=4,
        num_key_value_heads=1,
        head_dim=64,
        sliding_window=64,
        layer_types=["sliding_attention", "full_attention"] * 2,
        tie_word_embeddings=False,
    )
    torch.manual_seed(0)
    model = Gemma3ForCausalLM(config).to(torch.float32).eval()
    with torch.no_grad():
        for name, weight in model.named_parameters():
            if "proj" in name:
                weight.mul_(5)
    words = Tokenizer(
        WordLevel({"<pad>": 0, "<eos>": 1, **{f"w{n}": n for n in range(2, VOCABULARY)}}, unk_token="<pad>")
    )
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=words, pad_token="<pad>", eos_token="<eos>")
    return model, tokenizer, _Chosen(tasks)


def _tuned(folder: Path, settings: AgentSettings) -> tuple[PreTrainedModel, PreTrainedTokenizerBase, Prompter]:
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
    model = ModelUnderTest(name=folder.name, folder=folder)
    catalog = load_catalog(settings.path("catalog.json"))
    return (
        load_model(folder, compute=ComputeType.BF16),
        tokenizer,
        make_prompter(model, chat=settings.chat, catalog=catalog, tokenizer=tokenizer, examples=tuple),
    )


if __name__ == "__main__":
    main()
