"""Check the answers of a rollout: each must convey what the task expects of its user turn.

Invariant: an answer fails a rollout whatever the backend's state is. A task without declared answers is checked
against expectations derived from its gold conversation.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass, field

from toolft_pipeline.evaluation.judge.required_reads import turns_with_known_values
from toolft_pipeline.evaluation.judge.rollout_verdict import FailedCondition, RolloutFinding
from toolft_pipeline.evaluation.judge.task import Task
from toolft_pipeline.evaluation.judge.transcript import AssistantTurn, Transcript
from toolft_pipeline.trajectories.grounding_text import (
    GroundingText,
    amounts,
    decoded,
    is_identifier,
    is_number,
    leaves,
    percentages,
    words,
)
from toolft_pipeline.verification.answers.answer_text import plain
from toolft_pipeline.verification.answers.check_answer import AnswerFault, check_answer
from toolft_pipeline.verification.answers.choices import Choices
from toolft_pipeline.verification.answers.expectation import ExpectedAnswer
from toolft_pipeline.verification.answers.expected_answer import expected_answers, value_text
from toolft_pipeline.verification.answers.forms import BUILT_IN, AnswerForms
from toolft_pipeline.verification.answers.other_subject import other_subject
from toolft_pipeline.verification.answers.polarity import polarity
from toolft_pipeline.verification.answers.written_values import times
from toolft_pipeline.verification.rules.arithmetic import Arithmetic

_CONDITION = {
    AnswerFault.WRONG: FailedCondition.WRONG_ANSWER,
    AnswerFault.UNREAD: FailedCondition.ANSWER_UNREAD,
}


@dataclass(frozen=True, kw_only=True)
class AnswerRules:
    """How answers are read, besides what a task declares: forms that the agent adds, the catalog's choices, and the
    tools that it declares to read.
    """

    forms: AnswerForms = BUILT_IN
    choices: Choices = field(default_factory=dict)
    reads: frozenset[str] = frozenset()


BUILT_IN_RULES = AnswerRules()


def answer_findings(
    task: Task, transcript: Transcript, *, rules: AnswerRules = BUILT_IN_RULES
) -> Iterator[RolloutFinding]:
    """The problems of the last answer to each user turn; a turn without an answer is not among them."""
    for expected, answer, turns in given_answers(task, transcript, rules=rules):
        problem = check_answer(expected, answer, plan_values=frozenset(_values(turns)), forms=rules.forms)
        if problem is not None:
            yield _finding(_CONDITION[problem.fault], expected.turn, problem.detail)
            continue
        other = _other_change(
            answer, turns, request=task.user_turns[expected.turn], reads=_reads(task, rules), rules=rules
        )
        if other is not None:
            detail = f"it claims a change of {other[0]!r}, and what was changed is {other[1]!r}"
            yield _finding(FailedCondition.WRONG_ANSWER, expected.turn, detail)
    expected_words = {w for each in answers_of(task, rules=rules) for fact in each.facts for w in words(fact.value)}
    for turn, known in turns_with_known_values(task, transcript):
        made_up = next(ungrounded_words(turn.text, known, expected=expected_words), None) if turn.is_answer else None
        if made_up is not None:
            yield _finding(FailedCondition.FABRICATED, turn.user_turn, f"no message or result contains {made_up!r}")


def given_answers(
    task: Task, transcript: Transcript, *, rules: AnswerRules = BUILT_IN_RULES
) -> Iterator[tuple[ExpectedAnswer, str, list[AssistantTurn]]]:
    """Each expectation that got an answer, with the last answer of its user turn and that turn's assistant turns."""
    for expected in answers_of(task, rules=rules):
        turns = [turn for turn in transcript.turns if turn.user_turn == expected.turn]
        answer = next((turn for turn in reversed(turns) if turn.is_answer and turn.text.strip()), None)
        if answer is not None:
            yield expected, answer.text, turns


def answers_of(task: Task, *, rules: AnswerRules = BUILT_IN_RULES) -> tuple[ExpectedAnswer, ...]:
    """The expectations that a task declares, or those derived from its gold conversation."""
    if task.answers:
        return task.answers
    return expected_answers(task.gold, reads=_reads(task, rules), choices=rules.choices)


def _reads(task: Task, rules: AnswerRules) -> frozenset[str]:
    """Tools that are declared to read, and those that only read in the task's plan."""
    writes = {call.name for call in task.plan if not (call.reads or call.fails)}
    return rules.reads | ({call.name for call in task.plan if call.reads} - writes)


def ungrounded_words(answer: str, known: GroundingText, *, expected: Collection[str] = ()) -> Iterator[str]:
    """Ids, addresses and numbers of an answer that nothing before it contains and nobody expects."""
    text = plain(answer)
    percents = percentages(text)
    clock = [
        span for span, found in times(text) if any(known.in_run(f"{hour:02}:{minute:02}") for hour, minute in found)
    ]
    numbers = Arithmetic()
    for each in known.texts:
        numbers.add_text(each)
    at = 0
    for word in words(text):
        at = max(text.find(word, at), 0)
        if word in expected or any(start <= at < end for start, end in clock):
            continue
        if is_number(word):
            derived = any(numbers.derives(number, percent=word in percents) for number in amounts(word))
            if not derived and not known.contains_number(word):
                yield word
        elif is_identifier(word) and not known.in_run(word):
            yield word


def _other_change(
    answer: str, turns: list[AssistantTurn], *, request: str, reads: Collection[str], rules: AnswerRules
) -> tuple[str, str] | None:
    """An id of which a clause claims a change, and the one that was written to; "done, O-2 stays" claims none."""
    made = [call for turn in turns for call in turn.calls]
    writes = [call for call in made if not (call.is_error or call.reads or call.call.name in reads)]
    own = "\n".join([request, *(text for call in made for text in (call.call.arguments_json, call.result))]).casefold()
    claimed = "\n".join(clause.text for clause in polarity(answer, rules.forms).clauses if clause.done)
    arguments = "\n".join(call.call.arguments_json for call in writes).casefold()
    return other_subject(claimed, arguments=arguments, own=own)


def _values(turns: list[AssistantTurn]) -> Iterator[str]:
    """Strings of the turn's call arguments and results, in lower case."""
    for turn in turns:
        for made in turn.calls:
            for text in (made.call.arguments_json, made.result):
                for _, value, _ in leaves(decoded(text), {}):
                    if isinstance(value, str) and value_text(value) is not None:
                        yield value.casefold()


def _finding(condition: FailedCondition, turn: int, detail: str) -> RolloutFinding:
    return RolloutFinding(failure=condition, detail=f"answer to user turn {turn + 1}: {detail}")
