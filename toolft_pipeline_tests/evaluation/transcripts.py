"""Transcripts of the assistant's tasks, written by hand: what a model said and called, and what came back."""

from __future__ import annotations

import json
from typing import Any

from msgspec.structs import replace

from toolft_pipeline.catalog.build import load_catalog
from toolft_pipeline.catalog.validator import CatalogValidator
from toolft_pipeline.chat.rendering.parsing import ParsedCall
from toolft_pipeline.evaluation.judge.task import Task, load_tasks
from toolft_pipeline.evaluation.judge.transcript import AssistantTurn, ExecutedCall, StopReason, Transcript
from toolft_pipeline.evaluation.models.generation import Generation
from toolft_pipeline_tests.conftest import REPOSITORY

ASSISTANT = REPOSITORY / "data" / "assistant"
TASKS = load_tasks(ASSISTANT / "tasks.jsonl")
VALIDATOR = CatalogValidator(load_catalog(ASSISTANT / "catalog.json"))
SILENT = Generation(text="", n_prompt_tokens=1, n_new_tokens=1, latency_ms=1.0)


def made_call(name: str, arguments: dict[str, Any], result: str = "{}") -> ExecutedCall:
    """A call that was made, with the catalog's opinion of it."""
    text = json.dumps(arguments)
    return ExecutedCall(
        call=ParsedCall(name=name, arguments_json=text),
        result=result,
        is_error=result.startswith("Error: "),
        reason=VALIDATOR.check(name, text),
    )


def gold_run(task: Task) -> Transcript:
    """The transcript of a model that does what the gold run does."""
    turns, user_turn = [], -1
    results = {m["tool_call_id"]: m["content"] for m in task.gold if m["role"] == "tool"}
    for message in task.gold:
        user_turn += message["role"] == "user"
        if message["role"] != "assistant":
            continue
        calls = tuple(
            made_call(call["function"]["name"], json.loads(call["function"]["arguments"]), results[call["id"]])
            for call in message.get("tool_calls") or ()
        )
        turns.append(AssistantTurn(user_turn=user_turn, generation=SILENT, text=message["content"] or "", calls=calls))
    return Transcript(
        task_id=task.task_id, turns=tuple(turns), stop=StopReason.ANSWERED, final_state=task.expected_state
    )


def with_calls(transcript: Transcript, place: int, calls: tuple[ExecutedCall, ...]) -> Transcript:
    """The same with other calls in one turn."""
    turns = list(transcript.turns)
    turns[place] = replace(turns[place], calls=calls)
    return replace(transcript, turns=tuple(turns))
