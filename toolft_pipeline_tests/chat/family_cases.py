"""What the suite must know of each chat format, in one place: official template, tokenizer, known differences, faults.

Invariant: there is one entry for each registered format (`test_formats` says which part of one is missing).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

PlantedFault = Literal["drops_calls", "drops_results", "serves_no_cue"]
"""A fault in a template that the proofs must find."""


@dataclass(frozen=True, kw_only=True)
class StandIn:
    """A small tokenizer of the family's kind, for where the official one cannot be fetched."""

    algorithm: Literal["gpt", "gpt_nfc", "gemma"]
    """`gpt` is byte-level BPE with the split of Llama 3 and Qwen, `gpt_nfc` composes accents first, `gemma` is BPE over
    words with a word-border mark and byte fallback."""
    special: tuple[str, ...]
    text: tuple[str, ...] = ()
    """Added tokens that are not special."""
    bos: str | None = None
    eos: str


@dataclass(frozen=True, kw_only=True)
class FamilyCase:
    """One chat format under test."""

    official: str
    """The template of the family's maker, a file of TRL's."""
    official_names: Mapping[str, str] = field(default_factory=dict)
    """What that template reads from its tokenizer."""
    training: str | None = None
    """TRL's training version of it, where there is one."""
    training_agrees: int = 1
    """Shapes at least on which its text is ours, so that its loss mask can be compared."""
    official_has_tools: bool = True
    official_adds: str = ""
    """What the official template writes into a last turn without reasoning, and ours does not."""
    differs: frozenset[str] = frozenset()
    """Shapes on which the official template is not right; each is another text here, or the list is stale."""
    differs_with_catalog: frozenset[str] = frozenset()
    """Shapes on which it is wrong only where tools are listed."""
    stand_in: StandIn
    planted: Mapping[PlantedFault, tuple[str, str]]
    """Passages of our template, each with what replaces it to plant the fault."""


def _tokens(form: str, names: str) -> tuple[str, ...]:
    return tuple(form.format(name) for name in names.split())


_NO_CALLS = ("in message['tool_calls'] or []", "in []")
_CHATML_FAULTS: dict[PlantedFault, tuple[str, str]] = {
    "drops_calls": _NO_CALLS,
    "drops_results": ("'\\n<tool_response>\\n' ~ plain(text)", "'\\n<tool_response>\\n'"),
    "serves_no_cue": ("'<|im_start|>assistant\\n' if add", "'' if add"),
}
_QWEN = """endoftext im_start im_end object_ref_start object_ref_end box_start box_end quad_start quad_end vision_start
vision_end vision_pad image_pad video_pad"""
_QWEN_CODE = "fim_prefix fim_middle fim_suffix fim_pad repo_name file_sep"
_QWEN_TAGS = "tool_call /tool_call tool_response /tool_response think /think"
_LLAMA = """begin_of_text end_of_text finetune_right_pad_id step_id start_header_id end_header_id eom_id eot_id
python_tag"""
_SMOLLM2 = """repo_name reponame file_sep filename gh_stars issue_start issue_comment issue_closed jupyter_start
jupyter_text jupyter_code jupyter_output jupyter_script empty_output"""
_GEMMA_3 = "pad eos bos unk mask start_of_turn end_of_turn start_of_image end_of_image image_soft_token"
_GEMMA = 'pad eos bos unk mask |turn turn| |tool tool| |tool_call tool_call| |tool_response tool_response| |"|'
_GEMMA_MEDIA = "|think| |channel channel| |image |image| image| |audio |audio| audio| |video|"
_GEMMA_UNUSED = tuple(f"<unused{number}>" for number in range(9))
_GEMMA_TEXT = (
    *("[multimodal]", "<table>", "</table>", "<b>", "</b>"),
    *("\n" * count for count in range(1, 31)),
    *("\t", "\t\t"),
)

FAMILY_CASES = {
    "gemma3": FamilyCase(
        official="gemma3.jinja",
        official_names={"bos_token": "<bos>"},
        training="gemma3_training.jinja",
        official_has_tools=False,
        stand_in=StandIn(
            algorithm="gemma",
            special=(*_tokens("<{}>", _GEMMA_3), *_GEMMA_UNUSED),
            text=_GEMMA_TEXT,
            bos="<bos>",
            eos="<eos>",
        ),
        planted={
            "drops_calls": _NO_CALLS,
            "drops_results": ("'<tool_response>' ~ plain(text)", "'<tool_response>'"),
            "serves_no_cue": ("'<start_of_turn>model\\n' if add", "'' if add"),
        },
    ),
    "gemma4": FamilyCase(
        official="gemma4_v5.jinja",
        official_names={"bos_token": "<bos>"},
        # control strings in content are live in the official one; text beside calls, see test_template_fixes
        differs=frozenset({"hostile", "call_with_text", "whitespace", "thinks_in_every_turn"}),
        stand_in=StandIn(
            algorithm="gemma",
            special=(*_tokens("<{}>", _GEMMA), *_tokens("<{}>", _GEMMA_MEDIA), *_GEMMA_UNUSED),
            text=_GEMMA_TEXT,
            bos="<bos>",
            eos="<eos>",
        ),
        planted={
            "drops_calls": ("for call in calls", "for call in []"),
            "drops_results": ("{value:<|\"|>' ~ plain(text)", "{value:<|\"|>'"),
            "serves_no_cue": ("'<|turn>model\\n' if add", "'' if add"),
        },
    ),
    "qwen3": FamilyCase(
        official="qwen3.jinja",
        training="qwen3_training.jinja",
        official_adds="<think>\n\n</think>\n\n",
        # an answer that begins with a newline is trimmed
        differs=frozenset({"hostile", "whitespace"}),
        stand_in=StandIn(
            algorithm="gpt_nfc",
            special=_tokens("<|{}|>", _QWEN),
            text=(*_tokens("<|{}|>", _QWEN_CODE), *_tokens("<{}>", _QWEN_TAGS)),
            eos="<|im_end|>",
        ),
        planted=_CHATML_FAULTS,
    ),
    "llama3": FamilyCase(
        official="llama3_2.jinja",
        official_names={"bos_token": "<|begin_of_text|>", "date_string": "26 Jul 2024"},
        # several calls are refused there, text beside a call is dropped
        differs=frozenset({"parallel_calls", "call_with_text", "whitespace", "thinks_in_every_turn"}),
        # a second system turn is made the first user turn there, see test_template_fixes
        differs_with_catalog=frozenset({"consecutive_system_turns"}),
        stand_in=StandIn(
            algorithm="gpt",
            special=(
                *_tokens("<|{}|>", _LLAMA),
                *(f"<|reserved_special_token_{number}|>" for number in range(8)),
            ),
            bos="<|begin_of_text|>",
            eos="<|eot_id|>",
        ),
        planted={
            "drops_calls": _NO_CALLS,
            "drops_results": ("in_json(text | tojson)", "''"),
            "serves_no_cue": ("header('assistant') if add", "'' if add"),
        },
    ),
    "chatml": FamilyCase(
        official="qwen3_instruct_2507.jinja",
        training="qwen3_instruct_2507_training.jinja",
        training_agrees=13,
        differs=frozenset({"hostile", "whitespace"}),
        stand_in=StandIn(
            algorithm="gpt",
            special=(*_tokens("<|{}|>", "endoftext im_start im_end"), *_tokens("<{}>", _SMOLLM2)),
            eos="<|im_end|>",
        ),
        planted=_CHATML_FAULTS,
    ),
}
"""By the name of the format. TRL has no training version of the templates of Gemma 4 and Llama 3.1/3.2."""
