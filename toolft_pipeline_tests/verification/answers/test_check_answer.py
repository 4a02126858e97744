"""Answers that say what happened pass in any wording; answers that say something else, or nothing, do not."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from toolft_pipeline.verification.answers.check_answer import AnswerFault, check_answer
from toolft_pipeline.verification.answers.expected_answer import Ending, ExpectedAnswer, Fact, expected_answers
from toolft_pipeline_tests.conftest import REPOSITORY

ASSIGNED = ExpectedAnswer(turn=0, ending=Ending.DONE)
ASSIGNED_VALUES = frozenset({"t-3707", "amira"})
OPENED = ExpectedAnswer(turn=0, ending=Ending.DONE, facts=(Fact(value="T-3735"),))
ORDER = ExpectedAnswer(turn=0, ending=Ending.INFORMED, facts=(Fact(value="C-3716"), Fact(value="delivered")))
STOCK = ExpectedAnswer(
    turn=0,
    ending=Ending.INFORMED,
    facts=(Fact(value="17", about=("west",)), Fact(value="4", about=("north",)), Fact(value="1250", about=("south",))),
)
BLOCKED = ExpectedAnswer(turn=0, ending=Ending.REFUSED, reason="Error: C-3700 is blocked already")
ASKED = ExpectedAnswer(turn=0, ending=Ending.ASKED_BACK)
THANKED = ExpectedAnswer(turn=0, ending=Ending.NO_TOOL)

RIGHT = {
    "done": (
        ASSIGNED,
        [
            "Done.",
            "Done!",
            "All set.",
            "That's done.",
            "It is done now.",
            "T-3707 is assigned to Amira.",
            "I have assigned T-3707 to Amira.",
            "T-3707 has been assigned to Amira.",
            "Amira has T-3707 now.",
            "I assigned the ticket to Amira.",
            "The ticket was assigned to Amira.",
            "Assigned to Amira.",
            "Successfully assigned.",
            "Sure, T-3707 goes to Amira.",
            "Done. Let me know if anything is not right.",
            "Done. Is there anything else?",
            "Amira takes care of T-3707.",
            "I've updated the ticket.",
            "Erledigt.",
            "Das Ticket wurde Amira zugewiesen.",
            "C'est fait.",
            "Hecho.",
            "Fatto.",
            "Klaar, Amira heeft T-3707.",
        ],
    ),
    "created": (
        OPENED,
        [
            "Done: T-3735.",
            "T-3735.",
            "I opened T-3735.",
            "The new ticket is T-3735.",
            "Ticket T-3735 has been created.",
            "Done, the number is t-3735.",
            "Your ticket: T-3735",
            "Opened (T-3735).",
            "I've opened ticket T-3735 for C-6209.",
            "A ticket was opened: T-3735.",
            "It's T-3735.",
            "T-3735 is open now.",
            "Created T-3735.",
            "See T-3735.",
            "**T-3735** was created.",
            "Das Ticket T-3735 ist angelegt.",
            "Le ticket T-3735 est ouvert.",
            "He abierto el ticket T-3735.",
            "Ho aperto il ticket T-3735.",
            "Ticket T-3735 is aangemaakt.",
        ],
    ),
    "informed": (
        ORDER,
        [
            "C-3716, delivered.",
            "The order of C-3716 was delivered.",
            "It is delivered; the customer is C-3716.",
            "Customer: C-3716\nStatus: delivered",
            "O-9305 belongs to C-3716 and is delivered.",
            "Delivered, C-3716.",
            "Here you are: C-3716, delivered.",
            "Status delivered, customer C-3716.",
            "C-3716's order has been delivered.",
            'The status is "delivered" and the customer C-3716.',
            "delivered (C-3716)",
            "- C-3716\n- delivered",
            "I found it: C-3716, delivered.",
            "It was not late: C-3716, delivered.",
            "| C-3716 | delivered |",
            "Der Kunde ist C-3716, Status delivered.",
            "Client C-3716, statut delivered.",
            "Cliente C-3716: delivered.",
            "It shows C-3716 and delivered.",
            "That one is delivered already, for C-3716.",
        ],
    ),
    "counted": (
        STOCK,
        [
            "west 17, north 4, south 1250.",
            "West: 17, North: 4, South: 1,250",
            "north 4, south 1,250 and west 17.",
            "There are 17 in west, 4 in north and 1250 in south.",
            "- west: 17\n- north: 4\n- south: 1250",
            "West has 17, north has 4, south has 1,250.",
            "| west | 17 |\n| north | 4 |\n| south | 1250 |",
            "In west 17; in north 4; in south 1250.",
            "West = 17, north = 4, south = 1250.",
            "WEST 17. NORTH 4. SOUTH 1250.",
            "We have 17 units in west, 4 units in north, 1250 units in south.",
            "west (17), north (4), south (1250)",
            "South 1250, west 17, north 4.",
            "The stock: west 17, north 4, south 1250.",
            "west 17 / north 4 / south 1250",
            "west: 17 pcs, north: 4 pcs, south: 1250 pcs",
            "West: 17. North: 4. South: 1250.",
            "south 1250\nnorth 4\nwest 17",
            "Sure: west 17, north 4, south 1250. Anything else?",
            "In west liegen 17, in north 4, in south 1250.",
        ],
    ),
    "refused": (
        BLOCKED,
        [
            "Sorry, C-3700 is blocked already.",
            "C-3700 is blocked already.",
            "I could not block C-3700.",
            "This customer cannot be blocked.",
            "Unfortunately that failed: the customer is blocked already.",
            "I can't do that, C-3700 is already blocked.",
            "That was not possible.",
            "The customer was already blocked.",
            "I'm afraid C-3700 is blocked.",
            "I was unable to block the customer.",
            "It failed: already blocked.",
            "Nothing changed, C-3700 is blocked already.",
            "The block was refused.",
            "I wasn't able to do it.",
            "My apologies, C-3700 is blocked already.",
            "That didn't work.",
            "Leider ist C-3700 bereits gesperrt.",
            "D\u00e9sol\u00e9, C-3700 est d\u00e9j\u00e0 bloqu\u00e9.",
            "Lo siento, C-3700 ya est\u00e1 bloqueado.",
            "Mi dispiace, C-3700 \u00e8 gi\u00e0 bloccato.",
        ],
    ),
    "asked_back": (
        ASKED,
        [
            "Who should have T-3715?",
            "Which agent?",
            "To whom should I assign it?",
            "Whom do you have in mind?",
            "I can do that. Which agent should take it?",
            "Sure, who?",
            "Could you tell me the agent's name?",
            "What is the name of the agent?",
            "Please tell me who should have it?",
            "Who is it for?",
            "Happy to help. Who should take T-3715?",
            "Which of the agents should get it?",
            "And to whom?",
            "May I ask who should have it?",
            "For T-3715, which agent?",
            "Wer soll T-3715 haben?",
            "Qui doit l'avoir?",
            "\u00bfQui\u00e9n debe tenerlo?",
            "A chi lo assegno?",
            "Wie moet het krijgen?",
        ],
    ),
    "no_tool": (
        THANKED,
        [
            "You are welcome, Helga!",
            "You're welcome.",
            "My pleasure!",
            "No problem at all.",
            "Any time, Helga.",
            "Hello Helga, how can I help?",
            "Good morning! What can I do for you?",
            "Glad to help.",
            "Happy to help!",
            "Nice to meet you, Helga.",
            "Cheers, Helga!",
            "Hi there!",
            "Have a nice day.",
            "Thanks for your message.",
            "I can search contacts, calculate and send e-mail.",
            "Gern geschehen!",
            "Avec plaisir, Helga.",
            "De nada, Helga.",
            "Di niente, Helga!",
            "Graag gedaan, Helga.",
        ],
    ),
}

WRONG = [
    (ASSIGNED, "Sorry, that did not work.", AnswerFault.WRONG),
    (ASSIGNED, "I could not assign T-3707.", AnswerFault.WRONG),
    (ASSIGNED, "x", AnswerFault.UNREAD),
    (ASSIGNED, "", AnswerFault.UNREAD),
    (ASSIGNED, "The weather is nice.", AnswerFault.UNREAD),
    (OPENED, "Done.", AnswerFault.WRONG),
    (OPENED, "Done: T-3736.", AnswerFault.WRONG),
    (OPENED, "Done: T-37355.", AnswerFault.WRONG),
    (ORDER, "C-3716, new.", AnswerFault.WRONG),
    (ORDER, "C-3717, delivered.", AnswerFault.WRONG),
    (ORDER, "C-3716.", AnswerFault.WRONG),
    (STOCK, "west 4, north 17, south 1250.", AnswerFault.WRONG),
    (STOCK, "west 17, north 4, south 1251.", AnswerFault.WRONG),
    (STOCK, "west 17, north 4.", AnswerFault.WRONG),
    (BLOCKED, "Done, it worked.", AnswerFault.WRONG),
    (BLOCKED, "I have blocked the customer.", AnswerFault.WRONG),
    (BLOCKED, "x", AnswerFault.UNREAD),
    (ASKED, "Done.", AnswerFault.WRONG),
    (ASKED, "x", AnswerFault.UNREAD),
    (THANKED, "Done.", AnswerFault.WRONG),
    (THANKED, "Sorry, that could not be done.", AnswerFault.WRONG),
    (THANKED, "x", AnswerFault.UNREAD),
]


@pytest.mark.parametrize(
    ("expected", "answer"),
    [
        pytest.param(expected, answer, id=f"{kind}-{n}")
        for kind, (expected, all_) in RIGHT.items()
        for n, answer in enumerate(all_)
    ],
)
def test_paraphrase_of_a_right_answer_passes(expected: ExpectedAnswer, answer: str) -> None:
    values = ASSIGNED_VALUES if expected is ASSIGNED else frozenset()
    assert check_answer(expected, answer, plan_values=values) is None


@pytest.mark.parametrize(("expected", "answer", "fault"), WRONG)
def test_wrong_answer_is_named(expected: ExpectedAnswer, answer: str, fault: AnswerFault) -> None:
    problem = check_answer(expected, answer, plan_values=ASSIGNED_VALUES if expected is ASSIGNED else frozenset())
    assert problem is not None
    assert problem.fault is fault


@pytest.mark.parametrize("agent", ["helpdesk", "assistant"])
def test_gold_answers_pass_and_empty_words_never_do(agent: str) -> None:
    for row in _tasks(REPOSITORY / "data" / agent / "tasks.jsonl"):
        reads = frozenset(call["name"] for call in row["plan"] if call["reads"])
        answers = [m["content"] for m in row["gold"] if m["role"] == "assistant" and not m.get("tool_calls")]
        expectations = expected_answers(row["gold"], reads=reads)
        assert len(expectations) == len(answers)
        for expected, answer in zip(expectations, answers, strict=True):
            assert check_answer(expected, answer) is None, (row["task_id"], answer)
            assert check_answer(expected, "x") is not None, (row["task_id"], answer)


def _tasks(path: Path) -> list[dict]:  # type: ignore[type-arg]
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
