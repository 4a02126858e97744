"""Lines of the training file against the loss mask, and against what evaluation sends."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from toolft_pipeline.chat.chat_rows import ROWS_FILE, read_chat_rows
from toolft_pipeline.chat.render_day import write_chat_rows
from toolft_pipeline.chat.rendering.rendering import RenderedRow, render_rows
from toolft_pipeline.evaluation.models.endpoint import protocol_message
from toolft_pipeline.settings import ChatSettings
from toolft_pipeline.training.managed import training_file
from toolft_pipeline.training.managed.hosts.errors import TrainingFileError
from toolft_pipeline.training.managed.hosts.registry import HOSTS
from toolft_pipeline.training.managed.train_managed import Window, write_training_files
from toolft_pipeline.training.managed.training_file import training_lines
from toolft_pipeline.training.rows.sampling import draw_rows
from toolft_pipeline.trajectories.record import Message, Part, Role
from toolft_pipeline_tests.conversations import calls, result, says, user
from toolft_pipeline_tests.training.managed.made_window import conversation, make_window, managed

ADDRESS = "http://127.0.0.1:1/v1"


def lines(window: Window, api: str = "openai") -> list[dict[str, Any]]:
    drawn = draw_rows(selection=window.selection, tensors=window.tensors, token_budget=window.token_budget)
    style = next(host.style for name, host in HOSTS.items() if name == api)
    return list(
        training_lines(
            drawn.train.rows, accepted=window.accepted, catalog=window.catalog, chat=window.chat, style=style
        )
    )


def test_weights_follow_the_rule_of_the_loss_mask(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A rule that trains only turns that call tools reaches the file without a word in it."""

    def only_calls(messages: list[dict[str, Any]], **how: Any) -> list[RenderedRow]:
        rows = render_rows(messages, **how)
        return [
            replace(row, message_indices=tuple(i for i in row.message_indices if messages[i].get("tool_calls")))
            for row in rows
        ]

    monkeypatch.setattr(training_file, "render_rows", only_calls)
    for line in lines(make_window(tmp_path)):
        assert [message.get("weight") for message in line["messages"]] == [None, None, 1, None, None, 1]


def test_weights_are_the_trained_segments_of_the_chat_rows(tmp_path: Path) -> None:
    """Whatever rule the day's rows were made by: a turn has weight 1 exactly if its text carries loss there."""

    def corrected(name: str) -> tuple[Message, ...]:
        if name != "t3":
            return conversation(name)
        return (
            user("Send it"),
            calls(("a", "send", {"q": 1})),
            result("a", "send", "error: q is no text"),
            calls(("b", "send", {"q": "1"})),
            result("b", "send", "sent"),
            says("It is sent."),
        )

    window = make_window(tmp_path, messages=corrected)
    catalog = tmp_path / "catalog.json"
    catalog.write_text(window.catalog.text)
    trained: dict[str, list[str]] = {}
    for table in window.accepted.values():
        write_chat_rows(accepted=table, catalog=catalog, chat=window.chat, out=tmp_path)
        for row in read_chat_rows(tmp_path / ROWS_FILE):
            texts = [segment.text for segment in row.segments if segment.trained]
            trained.setdefault(row.trajectory_id, []).extend(texts)
    drawn = draw_rows(selection=window.selection, tensors=window.tensors, token_budget=None)
    for row, line in zip(drawn.train.rows, lines(window), strict=True):
        weighted = [message for message in line["messages"] if message.get("weight")]
        assert len(weighted) == len(trained[row.trajectory_id])
        for message, text in zip(weighted, trained[row.trajectory_id], strict=True):
            assert (message.get("content") or "") in text
            assert [call["function"]["name"] in text for call in message.get("tool_calls", [])].count(False) == 0


def test_repeats_of_a_row_are_repeats_of_its_line(tmp_path: Path) -> None:
    once, thrice = lines(make_window(tmp_path / "1")), lines(make_window(tmp_path / "3", weight=3))
    assert len(once) == 12
    assert thrice == [line for line in once for _ in range(3)]


def test_lines_are_what_evaluation_sends_of_the_same_history(tmp_path: Path) -> None:
    window = make_window(tmp_path)
    for line in lines(window):
        assert line["tools"] == window.catalog.openai_tools()
        for message in line["messages"]:
            sent = {key: value for key, value in message.items() if key != "weight"}
            asked = {key: value for key, value in protocol_message(message).items() if value is not None}
            assert sent == asked


def test_together_gets_a_weight_on_every_message(tmp_path: Path) -> None:
    for line in lines(make_window(tmp_path), api="together"):
        assert [message["weight"] for message in line["messages"]] == [0, 0, 1, 0, 0, 1, 0, 1]
        assert "parallel_tool_calls" not in line


def test_system_prompt_policy_applies(tmp_path: Path) -> None:
    window = replace(make_window(tmp_path), chat=ChatSettings(system_prompt="replace: Be brief."))
    assert {line["messages"][0]["content"] for line in lines(window)} == {"Be brief."}


def test_images_are_refused_by_the_runs_names_or_left_out(tmp_path: Path) -> None:
    def with_image(name: str) -> tuple[Message, ...]:
        if name != "t3":
            return conversation(name)
        shown = Part(type="image", image_sha256="0" * 64, mime="image/png")
        return (Message(role=Role.USER, content=(shown,)), says("A cat."))

    window = make_window(tmp_path, messages=with_image)
    refused = replace(window, chat=ChatSettings(images="refuse"))
    with pytest.raises(TrainingFileError, match=r"1 training runs show images.*run-t3 \(2026-10-02\)"):
        lines(refused)
    assert len(lines(window)) == 11


def test_files_are_checked_before_they_leave(tmp_path: Path) -> None:
    def broken(name: str) -> tuple[Message, ...]:
        return (user(name), calls(("a", "nobody_knows_it", "[1]")), says("Done."))

    window = make_window(tmp_path, messages=broken)
    with pytest.raises(TrainingFileError) as error:
        write_training_files(window, managed(ADDRESS), tmp_path)
    assert "calls 'nobody_knows_it', which is not among the tools" in str(error.value)
    assert "are not the text of a JSON object" in str(error.value)
    assert "the calls a before it have no result" in str(error.value)
    assert "and 28 more" in str(error.value)


def test_long_rows_are_refused_by_their_line(tmp_path: Path) -> None:
    with pytest.raises(TrainingFileError, match=r"line 1: about \d+ tokens, managed.max_row_tokens is 50"):
        write_training_files(make_window(tmp_path), managed(ADDRESS, max_row_tokens=50), tmp_path)
