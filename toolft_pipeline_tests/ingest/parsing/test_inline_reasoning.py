"""No answer keeps reasoning in its text: it is moved to the reasoning field in every format, or refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from toolft_pipeline.ingest.logs import Logs
from toolft_pipeline.ingest.parsing.inline_reasoning import InlineReasoningError, separate_reasoning, split_reasoning
from toolft_pipeline.ingest.parsing.rejects import Rejection, RejectReason
from toolft_pipeline.settings import LogSettings
from toolft_pipeline.trajectories.record import Message, Part, Role, Trajectory
from toolft_pipeline.trajectories.table import read_trajectories
from toolft_pipeline_tests.agents import agent, read_agent_day
from toolft_pipeline_tests.conversations import calls
from toolft_pipeline_tests.curation.dedup.test_conversation_prefixes import LINES
from toolft_pipeline_tests.ingest import span_conversation
from toolft_pipeline_tests.ingest.span_conversation import as_json_lines
from toolft_pipeline_tests.ingest.span_runs import ALL

HARMONY = (
    "<|channel|>analysis<|message|>Look it up.<|end|><|start|>assistant<|channel|>final<|message|>It is sent.<|return|>"
)


@pytest.mark.parametrize(
    "text",
    [
        "<think>Look it up.</think>It is sent.",
        "<think>\nLook it up.\n</think>\n\nIt is sent.\n",
        "  <thinking>Look it up.</thinking> It is sent.",
        "<THINK>Look it up.</THINK>It is sent.",
        '<think time="3">Look it up.</think>It is sent.',
        "<thought>Look it up.</thought>It is sent.",
        "<reasoning>Look it up.</reasoning>It is sent.",
        "<antThinking>Look it up.</antThinking>It is sent.",
        "<seed:think>Look it up.</seed:think>It is sent.",
        "<longcat_think>Look it up.</longcat_think>It is sent.",
        "<think>Look it up.</think>\n<answer>\nIt is sent.\n</answer>",
        "Look it up.\n</think>\n\nIt is sent.",
        "Look it up.[/THINK]It is sent.",
        "[THINK]Look it up.[/THINK]It is sent.",
        "◁think▷Look it up.◁/think▷It is sent.",
        "<|begin_of_thought|>Look it up.<|end_of_thought|>\n<|begin_of_solution|>It is sent.<|end_of_solution|>",
        "<|START_THINKING|>Look it up.<|END_THINKING|><|START_RESPONSE|>It is sent.<|END_RESPONSE|>",
        "<|inner_prefix|>Look it up.<|inner_suffix|>It is sent.",
        "<|channel>thought\nLook it up.<channel|>It is sent.",
        '<details type="reasoning" done="true" duration="3">\n<summary>Thought for 3 seconds</summary>\nLook it up.\n'
        "</details>\nIt is sent.",
        "Here is my thought process: Look it up.\n\nHere is my response: It is sent.",
        HARMONY,
        "<|start|>assistant" + HARMONY,
        HARMONY.replace("<|return|>", "<|end|>"),
        HARMONY.replace("<|return|>", ""),
    ],
)
def test_reasoning_at_the_head_of_an_answer_is_separated(text: str) -> None:
    assert split_reasoning(text) == ("Look it up.", "It is sent.")


def test_blocks_of_reasoning_in_a_row_are_joined() -> None:
    assert split_reasoning("<think>a</think>\n<reflection>b</reflection>c") == ("a\nb", "c")
    twice = "<|channel|>analysis<|message|>a<|end|><|channel|>commentary<|message|>b<|end|><|channel|>final<|message|>c"
    assert split_reasoning(twice) == ("a", "b\nc")


@pytest.mark.parametrize(
    "text",
    [
        "<think>Look it up. It is sent.",
        "<think> tags hold what a model thinks.",
        "It is sent. <think>Was it?</think>",
        "I look. <thinking>Which order?</thinking> It is sent.",
        "<think>a</think>b</think>c",
        "<think>write `</think>` first</think>c",
        "<think>a<think>b</think>c</think>d",
        "It is sent.</think></think>",
        "[THINK]Look it up.",
        "Hm. [THINK]Look it up.[/THINK] It is sent.",
        "◁think▷Look it up.",
        "<|begin_of_thought|>Look it up.",
        "&lt;think&gt;Look it up.&lt;/think&gt;It is sent.",
        "Here is my thought process: Look it up.",
        "analysisThe user asks for the order.assistantfinalIt is sent.",
        "analysisWe need a call.assistantcommentary to=functions.find json{}",
        '<|channel|>commentary to=functions.find <|constrain|>json<|message|>{"id":7}<|call|>',
        "<|channel|>thoughts<|message|>Look it up.<|end|>",
        "It is sent.<|return|>",
        "<|channel|>final<|message|>It <think>is</think> sent.<|return|>",
        "<think></think>" * 100_000,
    ],
)
def test_ambiguous_reasoning_is_refused(text: str) -> None:
    with pytest.raises(InlineReasoningError):
        split_reasoning(text)


@pytest.mark.parametrize(
    "text",
    [
        "Put it between `<think>` and `</think>`.",
        'The tag "<think>" opens it.',
        'The tags are "<think>...</think>" for it.',
        "The tag '</think>' ends it, “[THINK]” opens it.",
        "```\n<think>a</think>b\n```",
        "```xml\n<thinking>cut",
        "I think 1 < 2, <b>really</b>, and <thin> is none.",
        "analysis of the order: it is sent.",
        "<details><summary>More</summary>It is sent.</details>",
        "<answer>It is sent.</answer>",
        "I have to think] about [it].",
        "",
        "`" * 100_000,
        "<" * 100_000,
        '"' * 100_000,
    ],
)
def test_answer_that_only_speaks_of_reasoning_stays(text: str) -> None:
    assert split_reasoning(text) == ("", text)


def test_text_of_users_tools_and_system_prompts_stays() -> None:
    said = [
        Message(role=role, content=(Part(type="text", text="<think>a</think>b"),))
        for role in (Role.SYSTEM, Role.USER, Role.TOOL)
    ]
    assert separate_reasoning(said) == tuple(said)


def test_inline_reasoning_joins_logged_reasoning() -> None:
    asked = calls(("a", "find", {}), text="<think>Look it up.</think>")
    (message,) = separate_reasoning([asked])
    assert (message.reasoning, message.content, message.tool_calls) == ("Look it up.", (), asked.tool_calls)
    (message,) = separate_reasoning([Message(role=Role.ASSISTANT, content=asked.content, reasoning=" Look it up.\n")])
    assert message.reasoning == "Look it up."
    (message,) = separate_reasoning([Message(role=Role.ASSISTANT, content=asked.content, reasoning="Order 7.")])
    assert message.reasoning == "Order 7.\nLook it up."


def test_parts_of_text_are_taken_together_and_images_are_refused() -> None:
    parts = tuple(Part(type="text", text=text) for text in ("<think>Look", " it up.</think>", "It is sent."))
    (message,) = separate_reasoning([Message(role=Role.ASSISTANT, content=parts)])
    assert (message.reasoning, message.text) == ("Look it up.", "It is sent.")
    shown = (*parts, Part(type="image", image_sha256="0" * 64))
    with pytest.raises(InlineReasoningError):
        separate_reasoning([Message(role=Role.ASSISTANT, content=shown)])


@given(texts=st.lists(st.sampled_from(["<think>", "</think>", "[THINK]", "`", '"', "a", "\n", HARMONY, "analysis"])))
def test_no_answer_keeps_a_mark_that_is_not_quoted(texts: list[str]) -> None:
    text = "".join(texts)
    try:
        _, answer = split_reasoning(text)
    except InlineReasoningError:
        return
    assert split_reasoning(answer) == ("", answer)
    if "`" not in text and '"' not in text:
        assert "think>" not in answer
        assert "<|" not in answer


def inline(text: str) -> list[dict[str, Any]]:
    """A conversation whose last answer is a text; the user speaks of the tag, and keeps what is said."""
    said = [dict(message) for message in span_conversation.CONVERSATION]
    said[1]["content"] = "Where is Ö-1, <think>and who</think> am I?"
    said[-1]["content"] = text
    return said


def logged(format_: str, text: str, path: Path, monkeypatch: pytest.MonkeyPatch) -> Trajectory | Rejection:
    said = inline(text)
    if format_ in LINES:
        name, rows = format_, [LINES[format_](said)]
    else:
        monkeypatch.setattr(span_conversation, "CONVERSATION", said)
        name, rows = ALL[format_][0], ALL[format_][1]()
    path.write_bytes(b"\n".join(as_json_lines(rows)))
    settings = LogSettings.model_validate({"format": name})
    (found,) = Logs([path], agent="desk", key=b"key", settings=settings).runs()
    assert found.run is not None
    return found.run


@pytest.mark.parametrize("text", ["<think>Hm.</think>Any time.", HARMONY.replace("Look it up", "Hm")])
@pytest.mark.parametrize("format_", [*LINES, *ALL])
def test_every_format_holds_inline_reasoning_as_reasoning(
    format_: str, text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = logged(format_, text, tmp_path / "log.jsonl", monkeypatch)
    assert isinstance(run, Trajectory)
    assert run.messages[-1].reasoning == "Hm."
    assert run.messages[-1].text in ("Any time.", "It is sent.")
    assert run.messages[1].text == "Where is Ö-1, <think>and who</think> am I?"


@pytest.mark.parametrize("format_", [*LINES, *ALL])
def test_every_format_refuses_reasoning_without_an_end(
    format_: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = logged(format_, "<think>Hm. Any time, secret.", tmp_path / "log.jsonl", monkeypatch)
    assert isinstance(run, Rejection)
    assert run.reason is RejectReason.INLINE_REASONING
    assert "secret" not in run.detail


def test_spans_chain_where_the_history_lacks_the_reasoning(tmp_path: Path) -> None:
    """The model's answer as it came, and the next call's history as the framework sent it back."""
    said = [{"role": "user", "content": "Hello"}, {"role": "assistant", "content": "<think>Kind.</think>Hello!"}]
    later = [said[0], {"role": "assistant", "content": "Hello!"}, {"role": "user", "content": "Bye"}]
    rows = [
        {"id": "a", "traceId": "t", "type": "GENERATION", "input": said[:1], "output": said[1]},
        {"id": "b", "traceId": "t", "type": "GENERATION", "input": later, "output": {**said[1], "content": "Bye!"}},
    ]
    for place, row in enumerate(rows):
        row["startTime"] = f"2026-10-01T10:00:0{place}Z"
    path = tmp_path / "log.jsonl"
    path.write_text("\n".join(map(json.dumps, rows)))
    (found,) = Logs([path], agent="desk", key=b"key", settings=LogSettings()).runs()
    assert isinstance(found.run, Trajectory)
    assert [(one.text, one.reasoning) for one in found.run.messages][1:] == [
        ("Hello!", "Kind."),
        ("Bye", None),
        ("Bye!", None),
    ]


def test_inline_reasoning_of_a_day_equals_the_readers(tmp_path: Path) -> None:
    """The day's table is written without a record for each run."""
    (tmp_path / "logs").mkdir()
    (tmp_path / "out").mkdir()
    texts = ["<think>Hm.</think>Any time.", "Any time.", "<think>cut", "`<think>`"]
    rows = [{"messages": [{"role": "user", "content": "?"}, {"role": "assistant", "content": text}]} for text in texts]
    (tmp_path / "logs" / "2026-10-01.jsonl").write_text("\n".join(map(json.dumps, rows)))
    summary = read_agent_day(agent(tmp_path), day="2026-10-01", out=tmp_path / "out")
    runs = list(read_trajectories(tmp_path / "out" / "trajectories.parquet"))
    assert [(run.messages[-1].reasoning, run.messages[-1].text) for run in runs] == [
        ("Hm.", "Any time."),
        (None, "Any time."),
        (None, "`<think>`"),
    ]
    assert summary.reasons == {"inline_reasoning": 1}
