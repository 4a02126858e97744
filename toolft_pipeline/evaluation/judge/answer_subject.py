"""Whether the answer to a user turn that changed something claims that something else was changed.

Invariant: an answer is at fault only if a clause that claims success names an id of the same shape as one that was
written to, that id stands nowhere in its user turn (request, arguments, results), and the answer names none that was
written to. "Done; O-2 stays open" claims nothing of O-2 and is not at fault here.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence

from toolft_pipeline.evaluation.judge.transcript import AssistantTurn
from toolft_pipeline.trajectories.grounding_text import is_identifier, words
from toolft_pipeline.verification.answers.answer_text import plain
from toolft_pipeline.verification.answers.forms import BUILT_IN, AnswerForms
from toolft_pipeline.verification.answers.polarity import polarity


def other_subject(
    answer: str,
    *,
    request: str,
    turns: Sequence[AssistantTurn],
    reads: Collection[str],
    forms: AnswerForms = BUILT_IN,
) -> tuple[str, str] | None:
    """The id that the answer claims to have changed, and one of the same shape that was written to; None without one.

    `turns` are the assistant turns of the user turn, `reads` the names of tools that only read.
    """
    made = [call for turn in turns for call in turn.calls]
    written = {
        _shape(word): word
        for call in made
        if not (call.is_error or call.reads or call.call.name in reads)
        for word in _ids(call.call.arguments_json)
    }
    named = _ids(plain(answer))
    if not set(written.values()).isdisjoint(named):
        return None
    known = {*words(request)}
    for call in made:
        known.update(words(call.call.arguments_json), words(call.result))
    claimed = [word for clause in polarity(answer, forms).clauses if clause.done for word in _ids(clause.text)]
    other = next((word for word in claimed if word not in known and _shape(word) in written), None)
    return None if other is None else (other, written[_shape(other)])


def _ids(text: str) -> list[str]:
    return [word for word in words(text) if is_identifier(word)]


def _shape(word: str) -> str:
    """What ids of one kind share: "o-9609" and "o-17" are "o-0"."""
    return re.sub(r"\d+", "0", word)
