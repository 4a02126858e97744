"""An explained run as text: the results of the rules, and the rows with the trained text in colour.

Invariant: the text is complete without colour, because a line above each span says what it is. Text of a log cannot
control the terminal: control characters are escaped.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from toolft_pipeline.chat.loss_turns import NoLoss
from toolft_pipeline.chat.token_trace import TracedRow, TracedSpan
from toolft_pipeline.cli.runs.terminal import visible
from toolft_pipeline.trajectories.record import Source
from toolft_pipeline.verification.rule_results import RuleResult

_TRAINED, _MASKED, _LABEL, _END = "\033[32m", "\033[90m", "\033[1m", "\033[0m"


def rule_lines(results: list[RuleResult]) -> Iterator[str]:
    """One line per rule."""
    yield "rules, in their order"
    for number, result in enumerate(results, start=1):
        reason = f"  {result.reason}" if result.reason else ""
        yield f"  {number} {result.rule:16}{result.answer:10}{reason}".rstrip()


_WHY_NO_LOSS = {
    NoLoss.MARKED: "the log marks it as context (weight 0, train false, or a copied step)",
    NoLoss.CORRECTED: "its calls failed and later calls corrected them (chat.loss_on_failed_calls: mended_masked)",
}


def no_loss_lines(masked: Mapping[int, NoLoss]) -> Iterator[str]:
    """One line for each assistant turn that is shown as context and not learned."""
    for index, reason in masked.items():
        yield f"  message {index} carries no loss: {_WHY_NO_LOSS[reason]}"


def row_lines(row: TracedRow, *, source: Source, file: Path, prompts: bool, colour: bool) -> Iterator[str]:
    """The spans of a row, each under a line that says what it is; with `prompts`, also each turn's full prompt."""
    note = f"; {row.note}" if row.note else ""
    yield f"row {visible(row.row_id)}: {row.n_tokens} tokens, {row.n_loss_tokens} with loss{note}"
    for span in row.spans:
        label = f"{'trained' if span.trained else 'masked '}  tokens {span.start} to {span.end - 1}"
        if span.message is not None:
            label += f"  message {span.message} of {file}:{source.line} (byte {source.offset})"
        yield _coloured(visible(label), _LABEL, colour=colour)
        if span.prompt is not None and (prompts or not span.as_served):
            yield from _prompt_lines(span, colour=colour)
        elif span.prompt is not None:
            yield f"the {span.start} tokens before it are the prompt that a server builds"
        yield _coloured(visible(span.text), _TRAINED if span.trained else _MASKED, colour=colour)


def _prompt_lines(span: TracedSpan, *, colour: bool) -> Iterator[str]:
    same = "the tokens before" if span.as_served else f"NOT the {span.start} tokens before"
    yield f"a server builds this prompt of {span.prompt_tokens} tokens, {same}:"
    yield _coloured(visible(span.prompt or ""), _MASKED, colour=colour)
    yield "the turn:"


def _coloured(text: str, colour_code: str, *, colour: bool) -> str:
    return f"{colour_code}{text}{_END}" if colour else text
