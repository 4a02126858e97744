"""An explained run for the terminal: the verdict rule by rule, and the rows with what carries loss in colour.

Invariant: without colour nothing is lost, for every stretch says in words what it is; and what a log holds cannot steer
the terminal, for control characters are shown and not sent.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from toolft_pipeline.chat.token_trace import ExplainedRow, ExplainedSpan
from toolft_pipeline.cli.runs.terminal import visible
from toolft_pipeline.trajectories.record import Source
from toolft_pipeline.verification.rule_results import RuleResult

_TRAINED, _MASKED, _LABEL, _END = "\033[32m", "\033[90m", "\033[1m", "\033[0m"


def rule_lines(results: list[RuleResult]) -> Iterator[str]:
    """One line a rule."""
    yield "rules, in the order in which they are asked"
    for number, result in enumerate(results, start=1):
        reason = f"  {result.reason}" if result.reason else ""
        yield f"  {number} {result.rule:16}{result.answer:10}{reason}".rstrip()


def row_lines(row: ExplainedRow, *, source: Source, file: Path, prompts: bool, colour: bool) -> Iterator[str]:
    """A row's stretches, each under a line that says what it is; with `prompts`, each turn's prompt in full."""
    note = f"; {row.note}" if row.note else ""
    yield f"row {visible(row.row_id)}: {row.n_tokens} tokens, {row.n_loss_tokens} with loss{note}"
    for span in row.spans:
        label = f"{'trained' if span.trained else 'masked '}  tokens {span.start} to {span.end - 1}"
        if span.message is not None:
            label += f"  message {span.message} of {file}:{source.line} (byte {source.offset})"
        yield _painted(visible(label), _LABEL, colour=colour)
        if span.prompt is not None and (prompts or not span.as_served):
            yield from _prompt_lines(span, colour=colour)
        elif span.prompt is not None:
            yield f"the {span.start} tokens before are the prompt that a server builds"
        yield _painted(visible(span.text), _TRAINED if span.trained else _MASKED, colour=colour)


def _prompt_lines(span: ExplainedSpan, *, colour: bool) -> Iterator[str]:
    same = "the tokens before" if span.as_served else f"NOT the {span.start} tokens before"
    yield f"a server builds this prompt of {span.prompt_tokens} tokens, {same}:"
    yield _painted(visible(span.prompt or ""), _MASKED, colour=colour)
    yield "and the turn is:"


def _painted(text: str, paint: str, *, colour: bool) -> str:
    return f"{paint}{text}{_END}" if colour else text
