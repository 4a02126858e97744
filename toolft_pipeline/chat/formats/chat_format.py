"""A chat format: everything that a model family's conversation syntax is, as one frozen declaration.

Invariant: the saved template alone decides what a server's prompt looks like. Catalog mode and the neutralization
of control strings are therefore written into the template, never left to the code that calls it.
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
    """A chat format is unknown, or is asked for what it cannot render; one line with the mend."""


class TokenClass(StrEnum):
    """What an added token of a tokenizer is to a format."""

    CONTROL = "control"
    TEXT = "text"


class ImageMarkers(NamedTuple):
    """How a family's processor writes an image: the template's placeholder, as often as the image has soft tokens,
    between an opening and a closing token. All three are control strings, so no text can spell one."""

    opens: str
    placeholder: str
    closes: str


@dataclass(frozen=True, kw_only=True)
class Capabilities:
    """What a format can render beyond text and calls."""

    reasoning: bool = False
    """Whether the template writes an assistant turn's reasoning."""
    prefix_stable: bool = True
    """Whether rendering a longer history never changes the text of a shorter one, even where a run has reasoning;
    else such a run is cut into rows."""


@dataclass(frozen=True, kw_only=True)
class ChatFormat:
    """One family's syntax: template, parser, stop tokens, and which strings are control."""

    name: str
    template_file: str
    """Jinja file among the formats, with `{% generation %}` marks."""
    macro_files: tuple[str, ...] = ()
    """Jinja files of macros that the template calls."""
    constants: Mapping[str, str | bool] = field(default_factory=dict)
    """Names that the template reads, where one file serves several formats."""
    response_template: Mapping[str, Any]
    """The parser, as transformers saves it with a tokenizer and runs it in `tokenizer.parse_response`."""
    stop_tokens: tuple[str, ...]
    """What ends an assistant turn; the first is the one that is trained."""
    turn_tokens: tuple[str, ...]
    """Control tokens that a tokenizer must have as one token each: without them no turn can begin or end."""
    call_marker: str
    """What opens a tool call: left in an answer's text, it is a call that could not be parsed."""
    control_strings: tuple[str, ...]
    """Texts of control tokens and of the format's own markers; `<unused` stands for its whole family."""
    text_tokens: str
    """Pattern of the added tokens that are ordinary text."""
    capabilities: Capabilities = Capabilities()
    images: ImageMarkers | None = None
    """None where the family shows no images."""
    taught_marks: tuple[str, ...] = ()
    """Texts that all occur in the official template of a model whose maker trained it on this call syntax; empty where
    no maker did. An untuned model is asked in the format with the most of them (`evaluation.models.baselines`)."""
    bare_call_prefix: str | None = None
    """A token that untuned models of the family may write before a call that is a bare JSON object; None where calls
    stand between markers (`evaluation.models.reading`)."""

    def template(self, *, catalog_mode: CatalogMode) -> str:
        """The template with control strings and default catalog mode written into its head."""
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
        """The class of an added token; None where no rule names it, which fails the format's conformance."""
        if token.startswith(self.control_strings):
            return TokenClass.CONTROL
        return TokenClass.TEXT if re.fullmatch(self.text_tokens, token) else None

    def first_control_string(self, text: str) -> str | None:
        """The first control string of the format's list that stands in a text, or None."""
        return next((control for control in self.control_strings if control in text), None)


def neutral_forms(control: str) -> tuple[str, str]:
    """A control string made harmless: in plain text by a visible space, in a JSON string by an escape (same value)."""
    escaped = "<\\/" + control[2:] if control.startswith("</") else f"\\u{ord(control[0]):04x}" + control[1:]
    return f"{control[0]} {control[1:]}", escaped


@cache
def _neutralizing_macros(control_strings: tuple[str, ...]) -> str:
    forms = [(control, *neutral_forms(control)) for control in control_strings]
    plain = _replacing_macro("plain", [(control, spaced) for control, spaced, _ in forms])
    return plain + "\n" + _replacing_macro("in_json", [(control, escaped) for control, _, escaped in forms])


def _replacing_macro(name: str, pairs: list[tuple[str, str]]) -> str:
    """A jinja macro that replaces one string after the other; a text without any of their first characters is quick."""
    absent = " and ".join(f"{json.dumps(first)} not in text" for first in sorted({old[0] for old, _ in pairs}))
    chain = "".join(f"\n    | replace({json.dumps(old)}, {json.dumps(new)})" for old, new in pairs)
    return f"{{%- macro {name}(text) -%}}\n  {{{{- text if {absent} else text{chain} -}}}}\n{{%- endmacro -%}}"


@cache
def _template_source(file: str) -> str:
    return resources.files(__package__).joinpath(file).read_text(encoding="utf-8")
