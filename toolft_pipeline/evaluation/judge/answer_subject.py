"""Whether the answer to a user turn that changed something is about what was changed.

Invariant: an answer is at fault only if it names an id that stands nowhere in its user turn (request, arguments,
results), and none of the ids that its successful writes were given. "Done" names nothing and is not at fault here.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

from toolft_pipeline.evaluation.judge.transcript import AssistantTurn
from toolft_pipeline.trajectories.grounding_text import is_identifier, words
from toolft_pipeline.verification.answers.answer_text import plain


def other_subject(
    answer: str, *, request: str, turns: Sequence[AssistantTurn], reads: Collection[str]
) -> tuple[str, str] | None:
    """The first id of the answer that is of something else, and one that was written to; None if there is none.

    `turns` are the assistant turns of the user turn, `reads` the names of tools that only read.
    """
    made = [call for turn in turns for call in turn.calls]
    written = [call for call in made if not (call.is_error or call.reads or call.call.name in reads)]
    given = [word for call in written for word in words(call.call.arguments_json) if is_identifier(word)]
    named = [word for word in words(plain(answer)) if is_identifier(word)]
    if not given or not {*given}.isdisjoint(named):
        return None
    known = {*words(request)}
    for call in made:
        known.update(words(call.call.arguments_json), words(call.result))
    other = next((word for word in named if word not in known), None)
    return None if other is None else (other, given[0])
