"""What follows from numbers in results is believed, what is off by one is not, many numbers ground nothing."""

from __future__ import annotations

import json
from decimal import Decimal
from random import Random

import pytest

from toolft_pipeline.verification.rules.arithmetic import Arithmetic
from toolft_pipeline.verification.rules.grounding import check_grounding
from toolft_pipeline.verification.rules.verdict import Fault
from toolft_pipeline_tests.conversations import calls, result, says, user

ORDERS = [{"total": 40.5, "status": "open"}, {"total": 12, "status": "open"}, {"total": 7, "status": "paid"}]
LINES = {"items": [{"price": 1200.5, "quantity": 2}, {"price": 99.99, "quantity": 3}]}
ACCOUNTS = {"accounts": [{"balance": 1500}, {"balance": 2500.25}], "fee": 100}


def fault(question: str, answer: str, *results: object) -> Fault | None:
    messages = [user(question)]
    for number, returned in enumerate(results):
        text = returned if isinstance(returned, str) else json.dumps(returned)
        messages += [calls((f"c{number}", "f", {})), result(f"c{number}", "f", text)]
    found = check_grounding([*messages, says(answer)], schemas={})
    return None if found is None else found.fault


@pytest.mark.parametrize(
    ("question", "results", "right", "wrong"),
    [
        ("In all?", [ORDERS], "59.50 in all.", "59.60 in all."),
        ("In all?", ORDERS, "$59.50 in all.", "$58.50 in all."),
        ("Open ones?", [ORDERS], "52.50 EUR.", "52.40 EUR."),
        ("How much more is the first?", ORDERS[:2], "28.50 more.", "27.50 more."),
        ("How many people more?", [{"n": 8_336_817}, {"n": 3_979_576}], "4,357,241 more.", "4,357,242 more."),
        ("The whole order?", [LINES], "That is $2,700.97.", "That is $2,700.98."),
        ("3 of them?", [{"price": 12.5}], "37.50 together.", "38.50 together."),
        ("What is left?", [{"stock": 117, "reserved": 25}], "92 are left.", "93 are left."),
        ("What is left of my 300?", [{"price": 120}, {"price": 45}], "135 is left.", "145 is left."),
        ("Without the fee?", [ACCOUNTS], "3,900.25 after the fee.", "3,900.35 after the fee."),
        ("Which part is done?", [{"done": 12, "all": 48}], "25% are done.", "26% are done."),
        ("What is 15% of it?", [{"price": 240}], "36 EUR.", "37 EUR."),
        ("And with 15% off?", [{"price": 240}], "204 EUR.", "205 EUR."),
        ("Average?", [[{"a": 10}, {"a": 20}, {"a": 33}]], "21 on average.", "22 on average."),
        ("The whole trip?", [{"flight": 120, "hotel": 310, "car": 80}], "510 in all.", "520 in all."),
        ("How much?", [{"v": 3.14159}], "About 3.14.", "About 3.15."),
        ("How much?", [{"v": 1234.4}], "About 1,200.", "About 1,300."),
        ("Left?", ["Balance: 1,200.50 EUR", "Fee: 20 EUR"], "1,180.50 EUR.", "1,170.50 EUR."),
        ("Left?", ["Balance: 1.200,50 EUR", "Fee: 20 EUR"], "1.180,50 EUR.", "1.170,50 EUR."),
        ("Balance?", [{"moves": [{"amount": -20}, {"amount": 90.5}]}], "70.50 now.", "110.40 now."),
    ],
)
def test_number_that_follows_is_kept_and_one_beside_it_is_not(
    question: str, results: list[object], right: str, wrong: str
) -> None:
    assert fault(question, right, *results) is None
    assert fault(question, wrong, *results) is Fault.UNGROUNDED_ANSWER


def test_number_derived_before_is_grounded_afterwards() -> None:
    messages = [
        user("In all?"),
        calls(("a", "f", {})),
        result("a", "f", json.dumps(ORDERS)),
        says("59.50 in all."),
        user("And less 10?"),
        says("49.50."),
    ]
    assert check_grounding(messages, schemas={}) is None


def test_sum_of_a_part_of_a_list_is_not_searched_for() -> None:
    assert (
        fault("?", "126.30", [{"a": 10.1}, {"a": 20.3}, {"a": 41.4}, {"a": 95.9}, {"a": 7.7}])
        is Fault.UNGROUNDED_ANSWER
    )


def passing(texts: list[str], *, digits: int, drawn: int = 300) -> float:
    """The share of random numbers that a run which tells some texts would let pass."""
    numbers, random = Arithmetic(), Random(0)
    for text in texts:
        numbers.add_text(text)
    wrong = (Decimal(random.randrange(10 ** (digits - 1), 10**digits)) for _ in range(drawn))
    return sum(numbers.derives(number) for number in wrong) / drawn


def test_many_numbers_in_results_ground_few_random_ones() -> None:
    random = Random(1)
    rows = json.dumps([{f"f{k}": random.randrange(10**6) for k in range(8)} for _ in range(300)])
    objects = [json.dumps({f"f{k}": random.randrange(1, 10**6) for k in range(8)}) for _ in range(200)]
    flat = " ".join(str(random.randrange(10**6)) for _ in range(5_000))
    assert max(passing([text], digits=digits) for text in (rows, flat) for digits in (2, 3, 4, 5)) < 0.2
    assert max(passing(objects, digits=digits) for digits in (2, 3, 4, 5)) < 0.2


@pytest.mark.parametrize(
    "text",
    [
        "[" * 5_000 + "]" * 5_000,
        json.dumps({"a": int("9" * 4_000), "b": 1}),
        '{"a": 1e999999, "b": NaN, "c": -Infinity, "d": 1E-400}',
        json.dumps([[number, {"x": number}] for number in range(30_000)]),
        json.dumps({f"field{number}": number for number in range(30_000)}),
        "1,000 " * 30_000,
        "0" * 100_000,
    ],
)
def test_hostile_texts_are_read_in_bounded_work(text: str) -> None:
    numbers = Arithmetic()
    for _ in range(3):
        numbers.add_text(text)
        numbers.derives(Decimal("123456.78"), percent=True)
    known = numbers._known
    assert (len(known.objects) <= 60, len(known.columns) <= 400, len(known._fields) <= 1_000) == (True, True, True)
