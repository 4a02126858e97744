"""Rows of one conversation: where a longer history changes a shorter one, a new row begins."""

from __future__ import annotations

from typing import Any

import pytest

from toolft_pipeline.chat.formats import GEMMA3
from toolft_pipeline.chat.formats.chat_format import Capabilities, ChatFormat, ChatFormatError
from toolft_pipeline.chat.rendering.rendering import render, render_rows
from toolft_pipeline.settings import CatalogMode

FORGETFUL = """
{%- for message in messages -%}
  {%- if message['role'] == 'assistant' -%}
    {{- '<model>' -}}
    {%- generation -%}
      {{- '(' ~ message['reasoning_content'] ~ ')' if loop.last and message['reasoning_content'] else '' -}}
      {{- message['content'] ~ '<end>' -}}
    {%- endgeneration -%}
  {%- else -%}
    {{- '<user>' ~ message['content'] -}}
  {%- endif -%}
{%- endfor -%}
{{- '<model>' if add_generation_prompt else '' -}}
"""


class ForgetfulFormat(ChatFormat):
    """A family that thinks, and renders the reasoning of the last turn alone."""

    def template(self, *, catalog_mode: CatalogMode) -> str:
        return FORGETFUL


def forgetful() -> ForgetfulFormat:
    values = {name: getattr(GEMMA3, name) for name in GEMMA3.__dataclass_fields__}
    return ForgetfulFormat(**{**values, "capabilities": Capabilities(reasoning=True, prefix_stable=False)})


def _conversation(*reasoning: str) -> list[dict[str, Any]]:
    messages: list[dict[str, Any]] = []
    for number, thought in enumerate(reasoning):
        messages += [{"role": "user", "content": f"u{number}"}, {"role": "assistant", "content": f"a{number}"}]
        if thought:
            messages[-1]["reasoning_content"] = thought
    return messages


def _rows(messages: list[dict[str, Any]], chat_format: ChatFormat) -> list[tuple[str, list[str], tuple[int, ...]]]:
    rows = render_rows(messages, chat_format=chat_format, catalog_mode=CatalogMode.NONE)
    return [
        (
            "".join(segment.text for segment in row.segments),
            [p.text for p in row.segments if p.trained],
            row.message_indices,
        )
        for row in rows
    ]


def test_render_rows_dropped_reasoning_begins_a_new_row() -> None:
    assert _rows(_conversation("t0", "t1"), forgetful()) == [
        ("<user>u0<model>(t0)a0<end>", ["(t0)a0<end>"], (1,)),
        ("<user>u0<model>a0<end><user>u1<model>(t1)a1<end>", ["(t1)a1<end>"], (3,)),
    ]


def test_render_rows_stable_stretches_share_a_row() -> None:
    rows = _rows(_conversation("", "", "t2", "t3"), forgetful())
    assert [message_indices for _, _, message_indices in rows] == [(1, 3, 5), (7,)]


def test_render_rows_turns_follow_their_serving_prompt() -> None:
    messages = _conversation("t0", "", "t2", "")
    for row in render_rows(messages, chat_format=forgetful(), catalog_mode=CatalogMode.NONE):
        text, message_indices = "", list(row.message_indices)
        for segment in row.segments:
            if segment.trained:
                served, _ = render(messages[: message_indices.pop(0)], template=FORGETFUL, add_generation_prompt=True)
                assert text == served
            text += segment.text


def test_render_rows_without_an_assistant_are_none() -> None:
    assert render_rows([{"role": "user", "content": "a"}], chat_format=GEMMA3, catalog_mode=CatalogMode.NONE) == []


def test_render_rows_tail_behind_the_last_turn_is_left_out() -> None:
    messages = [*_conversation("", ""), {"role": "user", "content": "never answered"}]
    ((text, trained, message_indices),) = _rows(messages, GEMMA3)
    assert text.endswith("a1<end_of_turn>")
    assert trained == ["a0<end_of_turn>", "a1<end_of_turn>"]
    assert message_indices == (1, 3)


def test_render_rows_template_without_marks_is_refused() -> None:
    class Unmarked(ChatFormat):
        def template(self, *, catalog_mode: CatalogMode) -> str:
            return (
                "{% for message in messages %}{{ message['content'] }}{% endfor %}{% generation %}{% endgeneration %}"
            )

    values = {name: getattr(GEMMA3, name) for name in GEMMA3.__dataclass_fields__}
    with pytest.raises(ChatFormatError, match=r"gemma3.jinja: the template marks 1 of 2 assistant turns"):
        render_rows(_conversation("", ""), chat_format=Unmarked(**values), catalog_mode=CatalogMode.NONE)
