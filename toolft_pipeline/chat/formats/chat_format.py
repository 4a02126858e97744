"""The declaration of a chat format: everything about a model family's conversation syntax.

Invariant: the saved template alone decides what a server's prompt looks like. Catalog mode and the neutralization
of control strings are therefore part of the template and not of the code that calls it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cache
from importlib import resources
from typing import Any, NamedTuple

from toolft_pipeline.errors import FixableError
from toolft_pipeline.settings import CatalogMode


class ChatFormatError(FixableError, ValueError):
    """A chat format is unknown or cannot render something; one line with the fix."""


class TokenClass(StrEnum):
    """The class of a tokenizer's added token."""

    CONTROL = "control"
    TEXT = "text"


class ImageMarkers(NamedTuple):
    """The tokens that a family's processor writes for an image: an opening one, the template's placeholder, repeated
    for each soft token of the image, and a closing one. All three are control strings, so no text can contain one."""

    opens: str
    placeholder: str
    closes: str


@dataclass(frozen=True, kw_only=True)
class Capabilities:
    """What a format can render beyond text and calls."""

    reasoning: bool = False
    """Whether the template writes an assistant turn's reasoning."""
    prefix_stable: bool = True
    """Whether a longer history never changes the rendered text of a shorter one, even in a run with reasoning; if not,
    such a run becomes several rows."""


@dataclass(frozen=True, kw_only=True)
class ChatFormat:
    """One family's syntax: template, parser, stop tokens and control strings."""

    name: str
    template_file: str
    """Jinja file among the formats, with `{% generation %}` marks."""
    macro_files: tuple[str, ...] = ()
    """Jinja files of macros that the template calls."""
    constants: Mapping[str, str | bool] = field(default_factory=dict)
    """Variables that the template reads, where several formats share one file."""
    response_template: Mapping[str, Any]
    """The parser, as transformers saves it with a tokenizer and runs it in `tokenizer.parse_response`."""
    stop_tokens: tuple[str, ...]
    """Tokens that end an assistant turn; the first is the one that is trained."""
    turn_tokens: tuple[str, ...]
    """Control tokens that must be one token each in a tokenizer: without them no turn can begin or end."""
    call_marker: str
    """Text that opens a tool call; if it is left in a parsed answer, a call could not be parsed."""
    control_strings: tuple[str, ...]
    """Texts of control tokens and of the format's own markers, or what several begin with (`<unused`)."""
    text_tokens: str
    """Pattern of the added tokens that are ordinary text."""
    capabilities: Capabilities = Capabilities()
    images: ImageMarkers | None = None
    """None where the family renders no images."""
    native_template_texts: tuple[str, ...] = ()
    """Texts that all occur in the official template of a model whose maker trained it on this call syntax; empty if no
    maker did. Of the formats that match, a base model is asked in the one with the most texts."""
    bare_call_prefix: str | None = None
    """A token that base models of the family may write before a call that is a bare JSON object; None where calls
    are written between markers."""

    def template(self, *, catalog_mode: CatalogMode) -> str:
        """The template, with its control strings and default catalog mode defined at its top."""
        return "\n".join(
            (
                _neutralizing_macros(self.control_strings),
                f"{{%- set catalog_mode = catalog_mode | default({json.dumps(catalog_mode.value)}) -%}}",
                *(f"{{%- set {name} = {json.dumps(value)} -%}}" for name, value in self.constants.items()),
                *(_template_source(file) for file in self.macro_files),
                _template_source(self.template_file),
            )
        )

    def classify(self, token: str) -> TokenClass | None:
        """The class of an added token; None if no rule matches, which fails the format's conformance tests."""
        if token.startswith(self.control_strings):
            return TokenClass.CONTROL
        return TokenClass.TEXT if re.fullmatch(self.text_tokens, token) else None

    def first_control_string(self, text: str) -> str | None:
        """The first of the format's control strings that a text contains, or None."""
        return next((control for control in self.control_strings if control in text), None)


def neutralized_forms(control: str) -> tuple[str, str]:
    """A control string neutralized: by a visible space in plain text, by an escape (same value) in a JSON string."""
    escaped = "<\\/" + control[2:] if control.startswith("</") else f"\\u{ord(control[0]):04x}" + control[1:]
    return f"{control[0]} {control[1:]}", escaped


@cache
def _neutralizing_macros(control_strings: tuple[str, ...]) -> str:
    forms = [(control, *neutralized_forms(control)) for control in control_strings]
    plain = _replacing_macro("plain", [(control, spaced) for control, spaced, _ in forms])
    return plain + "\n" + _replacing_macro("in_json", [(control, escaped) for control, _, escaped in forms])


def _replacing_macro(name: str, pairs: list[tuple[str, str]]) -> str:
    """A jinja macro that replaces strings one after another; it skips a text without any of their first characters."""
    absent = " and ".join(f"{json.dumps(first)} not in text" for first in sorted({old[0] for old, _ in pairs}))
    chain = "".join(f"\n    | replace({json.dumps(old)}, {json.dumps(new)})" for old, new in pairs)
    return f"{{%- macro {name}(text) -%}}\n  {{{{- text if {absent} else text{chain} -}}}}\n{{%- endmacro -%}}"


@cache
def _template_source(file: str) -> str:
    return resources.files(__package__).joinpath(file).read_text(encoding="utf-8")
