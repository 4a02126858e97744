"""Whether the answers of a logged run say what its results say.

Invariant: a log's answer is both the claim and what it is trained on, so nothing is derived from it: it is held against
calls, results and what the user said. What is wrong has a fault of its own; what only half convinces is
`ANSWER_UNREAD`, which a setting keeps out of training.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from enum import StrEnum
from itertools import islice

from msgspec import Struct

from toolft_pipeline.trajectories.grounding_text import is_identifier, is_number, phrase_in_text, words
from toolft_pipeline.trajectories.record import Message
from toolft_pipeline.trajectories.tool_failure import ERROR_PREFIX
from toolft_pipeline.verification.answers.forms import BUILT_IN, AnswerForms
from toolft_pipeline.verification.answers.other_subject import other_subject
from toolft_pipeline.verification.logged_answers.claims import Claims, may_deny, read_claims
from toolft_pipeline.verification.logged_answers.denied_values import denied_value
from toolft_pipeline.verification.logged_answers.logged_turns import (
    NO_READS,
    LoggedCall,
    LoggedTurn,
    is_empty,
    logged_turns,
    scalar_texts,
)
from toolft_pipeline.verification.logged_answers.partial_lists import partial_list
from toolft_pipeline.verification.logged_answers.readable import content_stems, is_plainly_readable, is_readable
from toolft_pipeline.verification.logged_answers.result_records import misplaced_value
from toolft_pipeline.verification.logged_answers.stated_values import arguments_of, states, tells
from toolft_pipeline.verification.logged_answers.status_words import reason_contradiction, status_contradiction


class AnswerFault(StrEnum):
    """What is wrong with a logged answer; the rule's `Fault` has members of the same names."""

    FALSE_SUCCESS = "false_success"
    FALSE_FAILURE = "false_failure"
    OTHER_SUBJECT = "other_subject"
    MISPLACED_VALUE = "misplaced_value"
    CONTRADICTED_RESULT = "contradicted_result"
    INCOMPLETE_LIST = "incomplete_list"
    ANSWER_UNREAD = "answer_unread"


class AnswerFinding(Struct, frozen=True, kw_only=True):
    """One problem of a logged answer: the number of its message, what is wrong, and a sentence on it."""

    place: int
    fault: AnswerFault
    detail: str


Problem = tuple[AnswerFault, str]
"""What is wrong with an answer, and a sentence on it."""

_NOT_DONE = re.compile(
    r"^\W*(?:it is |it's |that is )?(?:not done|nicht erledigt|pas (?:encore )?fait|no (?:est\u00e1 )?hecho|non "
    r"fatto)\b"
)


def check_logged_answers(
    messages: Sequence[Message],
    *,
    error_forms: tuple[str, ...] = (),
    forms: AnswerForms = BUILT_IN,
    reads: Mapping[str, bool] = NO_READS,
) -> Iterator[AnswerFinding]:
    """Yield what is wrong with the answers of a run, at most one finding a turn, in order.

    `reads` has the tools of which the catalog says whether they only read.
    """
    earlier: list[LoggedTurn] = []
    for turn in logged_turns(messages, error_forms=error_forms, reads=reads):
        if turn.answer.strip():
            for fault, detail in islice(_problems(turn, earlier=earlier, forms=forms), 1):
                yield AnswerFinding(place=turn.place, fault=fault, detail=detail)
        earlier.append(turn)


def _problems(turn: LoggedTurn, *, earlier: Sequence[LoggedTurn], forms: AnswerForms) -> Iterator[Problem]:
    """The problems of one answer, those first that are cheap to see."""
    text = turn.answer.casefold()
    if not turn.calls:
        yield from _without_calls(turn, read_claims(turn.answer, forms), earlier=earlier)
        return
    if turn.lasting_failures:
        yield from _after_failure(turn, text, read_claims(turn.answer, forms))
        return
    plain = not forms.refused and not may_deny(text)
    if not plain:
        yield from _ending(turn, text, read_claims(turn.answer, forms))
    checks = {
        AnswerFault.CONTRADICTED_RESULT: None if plain else denied_value(turn, text),
        AnswerFault.OTHER_SUBJECT: _other_entity(turn, text, earlier),
        AnswerFault.MISPLACED_VALUE: misplaced_value(turn, text),
    }
    yield from ((fault, detail) for fault, detail in checks.items() if detail is not None)
    if (detail := status_contradiction(turn, text)) is not None:
        yield AnswerFault.CONTRADICTED_RESULT, detail
    mended = [call for call in turn.calls if call.failed]
    if mended and (detail := reason_contradiction(turn, failures=mended)) is not None:
        yield AnswerFault.CONTRADICTED_RESULT, detail
    if (detail := partial_list(turn, text)) is not None:
        yield AnswerFault.INCOMPLETE_LIST, detail
    if not (plain and is_plainly_readable(turn, text)) and not is_readable(turn, text, read_claims(turn.answer, forms)):
        yield AnswerFault.ANSWER_UNREAD, "nothing in it shows what the calls gave"


def _without_calls(turn: LoggedTurn, claims: Claims, *, earlier: Sequence[LoggedTurn]) -> Iterator[Problem]:
    if (claims.opens_done or claims.acted) and not any(before.calls for before in earlier):
        yield AnswerFault.FALSE_SUCCESS, "it claims that something was done, but nothing was called"
    if not any(len(word) > 1 or is_number(word) for word in words(turn.answer)):
        yield AnswerFault.ANSWER_UNREAD, "it says nothing"


def _after_failure(turn: LoggedTurn, text: str, claims: Claims) -> Iterator[Problem]:
    if (detail := reason_contradiction(turn, failures=turn.lasting_failures)) is not None:
        yield AnswerFault.CONTRADICTED_RESULT, detail
    explained = any(_explains(call, text, turn=turn, claims=claims) for call in turn.lasting_failures)
    if claims.failed or claims.asks or ((explained or claims.denied) and not claims.opens_done):
        return
    if _is_about_another_call(turn, text):
        return
    failed = turn.lasting_failures[-1].name
    if claims.done:
        yield AnswerFault.FALSE_SUCCESS, f"it claims success, but {failed} failed"
    yield AnswerFault.ANSWER_UNREAD, f"nothing in it says that {failed} failed"


def _is_about_another_call(turn: LoggedTurn, text: str) -> bool:
    """Whether an answer tells what a call of another tool gave, and passes over a failed one that changes nothing."""
    failures = turn.lasting_failures
    named = any(tells(text, call.value, call.result) for call in turn.successes)
    others = {call.name for call in turn.successes}.isdisjoint(call.name for call in failures)
    return named and others and not any(call.writes for call in failures)


def _explains(call: LoggedCall, text: str, *, turn: LoggedTurn, claims: Claims) -> bool:
    """Whether a text repeats what a failure says and the user had not said, and negates where it negates.

    One word is enough for a text that claims no success; else it must be half of the words.
    """
    reason = " ".join(scalar_texts(call.value)) or call.result.removeprefix(ERROR_PREFIX)
    wanted = content_stems(reason.casefold()) - content_stems(turn.user.casefold()) - {"erro"}
    shared = wanted & content_stems(text)
    if not shared or (not claims.denied and read_claims(reason).denied):
        return False
    return not claims.done or (len(shared) * 2 >= len(wanted) and read_claims(reason).denied == claims.denied)


def _ending(turn: LoggedTurn, text: str, claims: Claims) -> Iterator[Problem]:
    """A failure or an empty result reported although every call succeeded and gave something."""
    if _NOT_DONE.search(text):
        yield AnswerFault.FALSE_FAILURE, "it says that nothing was done, but every call succeeded in the end"
    retried = any(call.failed for call in turn.calls)
    wrote = any(call.writes for call in turn.successes)
    if all(is_empty(call.value) for call in turn.successes if call.value is not None) and not wrote:
        return
    named = any(tells(text, call.value, call.result) for call in turn.successes)
    if retried:
        named = named or any(states(text, value) for value in arguments_of(turn))
        wrote = False
    regrets = not claims.broken and (named or any(states(text, value) for value in arguments_of(turn)))
    if claims.failed and not claims.done and not claims.asks and not regrets and (wrote or not named):
        yield AnswerFault.FALSE_FAILURE, "it reports a failure, but every call succeeded"
    if claims.empty and not named and not wrote and not claims.done:
        yield AnswerFault.CONTRADICTED_RESULT, "it says that nothing was found, but the results hold something"
    if claims.denied and wrote and not claims.done and not named:
        yield AnswerFault.ANSWER_UNREAD, "it denies something, but every call succeeded"


def _other_entity(turn: LoggedTurn, text: str, earlier: Sequence[LoggedTurn]) -> str | None:
    """A sentence on an answer that names an id of earlier turns in place of this turn's own."""
    if not earlier or not any(is_identifier(word) for word in words(text)):
        return None
    arguments = "\n".join(arguments_of(turn)).casefold()
    own = "\n".join([turn.user, arguments, *(call.result for call in turn.calls)]).casefold()
    other = other_subject(text, arguments=arguments, own=own)
    if other is None:
        return None
    heard = "\n".join(text for before in earlier for text in (before.user, before.answer, *arguments_of(before)))
    if not phrase_in_text(other[0], heard.casefold()):
        return None
    return f"it speaks of {other[0]!r}, but this turn's calls are about {other[1]!r}"
