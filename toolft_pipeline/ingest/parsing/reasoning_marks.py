"""The marks around a model's reasoning, by family.

Those that the reasoning parsers of vLLM and SGLang know, and those that prompts and clients are known to use.
"""

from __future__ import annotations

import re
from typing import NamedTuple


class ReasoningMarks(NamedTuple):
    """The opening and closing mark of reasoning.

    If `is_html`, the closing tag alone says nothing of reasoning.
    """

    opens: str
    closes: str
    is_html: bool = False


MARKS = (
    ReasoningMarks("[THINK]", "[/THINK]"),  # Magistral
    ReasoningMarks("◁think▷", "◁/think▷"),  # Kimi
    ReasoningMarks("<|begin_of_thought|>", "<|end_of_thought|>"),  # OpenThinker, Sky-T1
    ReasoningMarks("<|START_THINKING|>", "<|END_THINKING|>"),  # Command A Reasoning
    ReasoningMarks("<|inner_prefix|>", "<|inner_suffix|>"),  # Apertus
    ReasoningMarks("<|thinking|>", "<|/thinking|>"),
    ReasoningMarks("<|think|>", "<|/think|>"),
    ReasoningMarks("<|channel>thought", "<channel|>"),  # Gemma 4
    ReasoningMarks('<details type="reasoning"', "</details>", is_html=True),  # Open WebUI
    ReasoningMarks("Here is my thought process:", "Here is my response:"),  # Granite 3
    ReasoningMarks("Here's my thought process:", "Here's my response:"),
)

_NAME = (
    r"(?:[\w-]{1,40}[:_-])?(?:think(?:ing)?|thoughts?|reasoning|reflections?|scratch_?pad|inner_?monologue|cot)(?:_\w{1,40})?"
    r"|[a-z]{1,40}thinking"
)
TAG = re.compile(rf"<(?P<end>/)?\s*(?P<name>{_NAME})(?:\s[^<>]{{0,80}})?>", re.IGNORECASE)
"""`<think>`, `<thinking>`, `<thought>`, `<reasoning>`, `<seed:think>`, `<chain_of_thought>`, `<antThinking>`, ..."""

_HARMONY_TOKENS = r"<\|(?:start|end|message|channel|constrain|return|call)\|>"
HARMONY = re.compile(_HARMONY_TOKENS)
HARMONY_PART = re.compile(
    r"(?:<\|start\|>assistant)?<\|channel\|>(?P<channel>analysis|commentary|final)\s*<\|message\|>"
    rf"(?P<text>(?:(?!{_HARMONY_TOKENS}).)*)(?:<\|end\|>|<\|return\|>)?\s*",
    re.DOTALL,
)
"""A message of gpt-oss; one with a recipient (`to=functions.NAME`) is a call and does not match."""

HARMONY_WITHOUT_TOKENS = re.compile(r"\s*analysis.*?assistant(?:final|commentary|analysis)", re.DOTALL)
"""Harmony without its special tokens: `analysisThe user asks ...assistantfinalIt is sent.`"""

PHRASES = ("analysis", "Here is my thought process:", "Here's my thought process:")
"""Beginnings of texts that may hold reasoning without a mark in brackets."""

OPENINGS = (*(mark.opens for mark in MARKS), *PHRASES)

ANSWER_MARKS = (
    ("<answer>", "</answer>"),  # DeepSeek R1's prompt, Hunyuan
    ("<output>", "</output>"),  # Reflection
    ("<|begin_of_solution|>", "<|end_of_solution|>"),
    ("<|START_RESPONSE|>", "<|END_RESPONSE|>"),
)
"""Marks that some of these models put around the answer after their reasoning."""

_LITERALS = [
    re.escape(text)
    for mark in MARKS
    for text in (mark.opens, mark.closes)
    if not text.startswith("Here") and text != "</details>"
]
MARK = re.compile(
    "|".join((re.sub(r"\?P<\w+>", "?:", TAG.pattern), _HARMONY_TOKENS, rf"&lt;/?(?:{_NAME})&gt;", *_LITERALS)),
    re.IGNORECASE,
)
"""Any mark, anywhere in a text; phrases count only at its beginning."""
