"""The grammar of one assistant turn: an answer in text, or calls of the offered tools with arguments by their schemas.

Invariant: whatever the grammar accepts, the format's parser reads as that: an answer, or calls whose tools are offered
and whose arguments are valid (but for what `loosened` names). And what the format's template writes of such a turn is
accepted, in whatever order the logs have the arguments. Text before calls may be spaced freely, the rest is spaced as
the template spaces it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from toolft_pipeline.catalog.validator import closed
from toolft_pipeline.chat.formats.chat_format import ChatFormat
from toolft_pipeline.chat.grammar.call_syntax import CALL_SYNTAX, CallSyntax
from toolft_pipeline.chat.grammar.clean_text import clean_text
from toolft_pipeline.chat.grammar.lark_rules import GrammarError, LarkRules, any_of, literal, spelled
from toolft_pipeline.chat.grammar.schema_rules import SchemaRules
from toolft_pipeline.chat.grammar.value_syntax import Gemma4Syntax, JsonSyntax, ValueSyntax

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase


class Calls(StrEnum):
    """Whether a turn calls tools."""

    ALLOWED = "allowed"
    REQUIRED = "required"
    """At least one call, at once: text before it could go on for ever."""
    FORBIDDEN = "forbidden"


@dataclass(frozen=True, kw_only=True)
class TurnGrammar:
    """A grammar in llguidance's Lark, and what of the tools' schemas it does not enforce, one line each."""

    text: str
    loosened: tuple[str, ...] = ()


def turn_grammar(
    chat_format: ChatFormat,
    tools: Sequence[Mapping[str, Any]],
    *,
    special: Mapping[str, int],
    calls: Calls = Calls.ALLOWED,
    parallel: bool = True,
) -> TurnGrammar:
    """The grammar of a turn in this format.

    `tools` are the offered ones in OpenAI's shape; `special` are the tokenizer's special tokens by their text
    (`special_tokens`). Raises `GrammarError`.
    """
    syntax = CALL_SYNTAX.get(chat_format.name)
    if syntax is None:
        raise GrammarError(f"the chat format {chat_format.name} declares no call syntax")
    rules = LarkRules()
    turn = _Turn(rules, chat_format, syntax, special)
    loosened: dict[str, None] = {}
    offered = [] if calls is Calls.FORBIDDEN else [turn.call(tool, loosened) for tool in tools]
    possible = [call for call in offered if call is not None]
    if calls is Calls.REQUIRED and not possible:
        raise GrammarError("a call is required, and no offered tool can be called")
    rules.define("start", turn.body(possible, required=calls is Calls.REQUIRED, parallel=parallel))
    return TurnGrammar(text=rules.text, loosened=tuple(loosened))


def special_tokens(tokenizer: PreTrainedTokenizerBase) -> dict[str, int]:
    """The special tokens of a tokenizer, which stand for no text in a grammar."""
    return {str(token): id_ for id_, token in tokenizer.added_tokens_decoder.items() if token.special}


class _Turn:
    def __init__(
        self, rules: LarkRules, chat_format: ChatFormat, syntax: CallSyntax, special: Mapping[str, int]
    ) -> None:
        self._rules = rules
        self._syntax = syntax
        self._special = special
        self._marker = chat_format.call_marker
        self._text = rules.terminal(f"/{clean_text((*chat_format.control_strings, self._marker))}/ & /(?s:.+)/")
        self._values: ValueSyntax = (
            JsonSyntax(rules, control_strings=chat_format.control_strings)
            if syntax.json_values
            else Gemma4Syntax(rules, control_strings=chat_format.control_strings, special=special)
        )

    def call(self, tool: Mapping[str, Any], loosened: dict[str, None]) -> str | None:
        """A call after its marker; None where no arguments are valid."""
        function = tool["function"]
        schema = closed(function.get("parameters") or {"type": "object", "properties": {}})
        schemas = SchemaRules(self._rules, self._values, tool=function["name"], schema=schema)
        arguments = schemas.arguments()
        loosened.update(schemas.loosened)
        if arguments is None:
            return None
        name = self._values.literal(function["name"]) if self._syntax.json_values else literal(function["name"])
        return " ".join([name, *self._spelled(self._syntax.names_end), arguments])

    def body(self, calls: Sequence[str], *, required: bool, parallel: bool) -> str:
        """The whole turn, after its reasoning."""
        answer = f"{self._text}?"
        if calls:
            one = self._rules.rule(any_of(calls))
            after = " ".join(self._spelled(self._syntax.opens.removeprefix(self._marker)))
            call = self._rules.rule(" ".join([after, one, *self._spelled(self._syntax.closes)]))
            first = self._first_marker(required=required)
            more = " ".join([*self._spelled(self._syntax.between), *self._spelled(self._marker), call])
            answer = f"({first}) {call}{f' ({more})*' if parallel else ''}" + ("" if required else f" | {answer}")
        reasoning = self._syntax.reasoning
        if reasoning is None:
            return answer
        return f"({self._reasoning(*reasoning)})? ({answer})"

    def _first_marker(self, *, required: bool) -> str:
        """The marker of the first call, after free text. As text it is one lexeme with that, else the text eats it."""
        marker = spelled(self._marker, self._special)
        if self._marker in self._special:
            return marker if required else f"{self._text}? {marker}"
        return marker if required else self._rules.terminal(f"{self._text}? {marker}")

    def _reasoning(self, opens: str, closes: str) -> str:
        parts = [*self._spelled(opens), f"{self._text}?", *self._spelled(closes)]
        if closes in self._special:
            return " ".join(parts)
        return self._rules.terminal(" ".join(parts))

    def _spelled(self, text: str) -> list[str]:
        return [spelled(text, self._special)] if text else []
