"""Constrained decoding: the grammar of a request's turn, by its tools and its `tool_choice`.

Invariant: a request is never refused for its tools. What a grammar cannot express is left out, and where none can be
made decoding is free; each reason is logged once and counted on the metrics page.
"""

from __future__ import annotations

import json
import threading
from collections import Counter, OrderedDict
from collections.abc import Callable, Iterator

from toolft_pipeline.chat.grammar.lark_rules import GrammarError
from toolft_pipeline.chat.grammar.turn_grammar import Calls, TurnGrammar, special_tokens, turn_grammar
from toolft_pipeline.serving.chat_request import ChatRequest, ToolChoice
from toolft_pipeline.serving.notice import LOG, Figure
from toolft_pipeline.serving.parts import Constraint
from toolft_pipeline.serving.served_model import ServedModel

GRAMMARS_KEPT = 64
REASONS_KEPT = 200
"""Distinct reasons on the metrics page; tools are the client's, so there is no end of them."""

OTHER = "other"


class TurnConstraint(Constraint):
    """Makes each (model, tools, choice) a grammar once. `permits` says whether a model may be served under one."""

    def __init__(self, *, permits: Callable[[ServedModel], bool] = lambda _model: True) -> None:
        self._permits = permits
        self._grammars: OrderedDict[tuple[str, ...], str | None] = OrderedDict()
        self._lock = threading.Lock()
        self._unenforced: Counter[str] = Counter()
        self._free: Counter[str] = Counter()

    def grammar(self, request: ChatRequest, model: ServedModel) -> str | None:
        """The grammar of the turn; None where decoding is free."""
        if not self._permits(model):
            return None
        tools = model.with_offered(request.tools)
        if request.named_tool is not None:
            tools = [tool for tool in tools if tool["function"]["name"] == request.named_tool]
        calls = _calls(request)
        key = (model.content_digest, calls.value, str(request.parallel_tool_calls), json.dumps(tools))
        with self._lock:
            if key not in self._grammars:
                self._grammars[key] = self._make(model, tools, calls, parallel=request.parallel_tool_calls)
            self._grammars.move_to_end(key)
            while len(self._grammars) > GRAMMARS_KEPT:
                self._grammars.popitem(last=False)
            return self._grammars[key]

    def figures(self) -> Iterator[Figure]:
        """What is not enforced, for the metrics page."""
        for name, help_, counts in (
            ("toolft_grammar_unenforced_total", "Schema keywords that a grammar leaves out", self._unenforced),
            ("toolft_grammar_free_total", "Sets of tools without a grammar", self._free),
        ):
            for reason, count in list(counts.items()):
                yield Figure(name=name, help=help_, value=count, labels={"reason": reason}, total=True)

    def _make(self, model: ServedModel, tools: list[dict[str, object]], calls: Calls, *, parallel: bool) -> str | None:
        prompter = model.prompter
        try:
            made: TurnGrammar = turn_grammar(
                prompter.chat_format, tools, special=special_tokens(prompter.tokenizer), calls=calls, parallel=parallel
            )
        except (GrammarError, RecursionError, TypeError, ValueError, AttributeError, KeyError) as error:
            reason = str(error) if isinstance(error, GrammarError) else f"a tool's schema: {type(error).__name__}"
            self._count(self._free, reason, "turns are decoded freely")
            return None
        for reason in made.loosened:
            self._count(self._unenforced, reason, "it is not enforced while decoding")
        return made.text

    def _count(self, counts: Counter[str], reason: str, effect: str) -> None:
        if reason not in counts and len(counts) >= REASONS_KEPT:
            reason = OTHER
        if reason not in counts:
            LOG.warning("constrained decoding: %s: %s", reason, effect)
        counts[reason] += 1


def _calls(request: ChatRequest) -> Calls:
    if request.tool_choice is ToolChoice.NONE:
        return Calls.FORBIDDEN
    if request.tool_choice is ToolChoice.REQUIRED or request.named_tool is not None:
        return Calls.REQUIRED
    return Calls.ALLOWED
