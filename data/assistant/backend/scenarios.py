"""What users ask the assistant for: families of tasks, each with several wordings and the plan that solves it.

The last wording of every family is kept for the evaluation tasks; the logs never use it.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from world import Contact, Note, World


@dataclass(frozen=True)
class Call:
    """One call of the plan."""

    name: str
    arguments: dict[str, Any]
    reads: bool = True
    fails: bool = False


@dataclass(frozen=True)
class Turn:
    """What the user says, the calls it takes (side by side within a step), and the answer."""

    user: str
    steps: tuple[tuple[Call, ...], ...]
    answer: str
    says: str | None = None  # text beside the first step's calls
    ending: str = "informed"  # how it ends: `Ending` of toolft_pipeline's tasks
    facts: tuple[tuple[str, ...], ...] = ()  # values that the answer must state, each with what it is about


@dataclass(frozen=True)
class Scenario:
    """One task: its category, what makes it the same task as another (`key`), its turns."""

    category: str
    key: str
    turns: tuple[Turn, ...]


@dataclass(frozen=True)
class Draw:
    """The chances of one scenario, over one world."""

    world: World
    rng: random.Random
    held_out: bool

    def wording(self, *wordings: str) -> str:
        return wordings[-1] if self.held_out else self.rng.choice(wordings[:-1])

    def contacts(self, count: int) -> list[Contact]:
        return self.rng.sample(self.world.contacts, count)

    def notes(self, kind: str, count: int = 1) -> list[Note]:
        return self.rng.sample([note for note in self.world.notes if kind in note.title], count)

    def subject(self) -> tuple[str, str]:
        topics = _HELD_OUT_TOPICS if self.held_out else _TOPICS
        return self.rng.choice(topics)


_TOPICS = [
    ("Lunch", "The table is booked for noon."),
    ("Offsite", "The bus leaves at eight."),
    ("Invoice", "Please send the invoice again."),
    ("Contract", "The signed contract is on your desk."),
    ("Interview", "The interview moves to Thursday."),
    ("Server room", "The cooling is repaired."),
]
_HELD_OUT_TOPICS = [
    ("Fire drill", "We practise on Monday at ten."),
    ("New badge", "Your badge waits at the reception."),
    ("Holiday plan", "Enter your weeks before Friday."),
]


def _calculate(expression: str, **flags: bool) -> Call:
    return Call("calculate", {"expression": expression}, **flags)


def _find(contact: Contact) -> Call:
    return Call("search", {"query": contact.name, "kind": "contacts"})


def _price(note: Note) -> Call:
    kind = "hotel" if note.title.startswith("Hotel") else "laptop"
    return Call("search", {"query": f"{kind} {note.subject}", "kind": "notes", "limit": 1})


def _send(to: str, subject: str, body: str, **flags: bool) -> Call:
    return Call("send_email", {"to": to, "subject": subject, "body": body}, reads=False, **flags)


def work_out(draw: Draw) -> Scenario:
    a, b = draw.rng.randrange(12, 99), draw.rng.randrange(12, 99)
    sign, value = draw.rng.choice([("*", a * b), ("+", a + b), ("-", a - b)])
    sum_ = f"{a} {sign} {b}"
    user = draw.wording("What is {}?", "Please work out {}.", "Calculate {}", "How much is {}?").format(sum_)
    return Scenario(
        "single_call", sum_, (Turn(user, ((_calculate(sum_),),), f"{sum_} = {value}", facts=((str(value),),)),)
    )


def find_address(draw: Draw) -> Scenario:
    (who,) = draw.contacts(1)
    wordings = ("What is {}'s e-mail address?", "I need the address of {}.", "How do I reach {} by mail?")
    return Scenario(
        "single_call",
        who.name,
        (
            Turn(
                draw.wording(*wordings).format(who.name),
                ((_find(who),),),
                f"{who.name}: {who.email}",
                facts=((who.email,),),
            ),
        ),
    )


def mail_known_address(draw: Draw) -> Scenario:
    (who,), (subject, body) = draw.contacts(1), draw.subject()
    user = draw.wording(
        'Send an e-mail to {0} with the subject "{1}" and the text "{2}"',
        'Write to {0}, subject "{1}", text "{2}"',
        'Please mail {0}. Subject: "{1}". Text: "{2}"',
    ).format(who.email, subject, body)
    turn = Turn(user, ((_send(who.email, subject, body),),), f"The e-mail to {who.email} is sent.", ending="done")
    return Scenario("single_call", f"{who.email} {subject}", (turn,))


def two_prices(draw: Draw) -> Scenario:
    one, two = draw.notes("laptop", 2)
    user = draw.wording(
        "What do the {} and the {} laptop cost?",
        "Look up the prices of the laptops {} and {}.",
        "Which prices do we have for the laptops called {} and {}?",
    ).format(one.subject, two.subject)
    answer = f"{one.title}: {one.price} EUR. {two.title}: {two.price} EUR."
    facts = ((str(one.price), one.subject), (str(two.price), two.subject))
    turn = Turn(user, ((_price(one), _price(two)),), answer, says="I look up both.", facts=facts)
    return Scenario("parallel_calls", f"{one.subject} {two.subject}", (turn,))


def same_mail_twice(draw: Draw) -> Scenario:
    (one, two), (subject, body) = draw.contacts(2), draw.subject()
    user = draw.wording(
        'Send {0} and {1} an e-mail each: subject "{2}", text "{3}"',
        '{0} and {1} should each get a mail. Subject "{2}", text "{3}"',
        'Mail this to {0} and, separately, to {1}: subject "{2}", text "{3}"',
    ).format(one.email, two.email, subject, body)
    calls = (_send(one.email, subject, body), _send(two.email, subject, body))
    facts = ((one.email,), (two.email,))
    turn = Turn(user, (calls,), f"Sent to {one.email} and to {two.email}.", ending="done", facts=facts)
    return Scenario("parallel_calls", f"{one.email} {two.email} {subject}", (turn,))


def hotel_cost(draw: Draw) -> Scenario:
    (note,), nights = draw.notes("Hotel"), draw.rng.randrange(2, 9)
    user = draw.wording(
        "What do {0} nights in {1} cost?",
        "How much is a stay of {0} nights in {1}?",
        "Add up {0} hotel nights in {1} for me.",
    ).format(nights, note.subject)
    steps = ((_price(note),), (_calculate(f"{nights} * {note.price}"),))
    cost = nights * note.price
    turn = Turn(user, steps, f"{nights} nights in {note.subject} cost {cost} EUR.", facts=((str(cost),),))
    return Scenario("multi_step", f"{note.subject} {nights}", (turn,))


def mail_by_name(draw: Draw) -> Scenario:
    (who,), (subject, body) = draw.contacts(1), draw.subject()
    user = draw.wording(
        'Tell {0} by e-mail: "{2}" Use the subject "{1}"',
        'Mail {0}, subject "{1}": "{2}"',
        '{0} must get this by e-mail, subject "{1}": "{2}"',
    ).format(who.name, subject, body)
    steps = ((_find(who),), (_send(who.email, subject, body),))
    says, answer = "I look up the address first.", f"The e-mail to {who.name} is sent."
    turn = Turn(user, steps, answer, says=says, ending="done")
    return Scenario("multi_step", f"{who.name} {subject}", (turn,))


def ask_then_mail(draw: Draw) -> Scenario:
    (who,), (subject, body) = draw.contacts(1), draw.subject()
    first = draw.wording("I want to mail {}.", "Send {} an e-mail.", "{} should hear from me by mail.").format(who.name)
    second = draw.wording('Subject "{0}", text "{1}"', '"{1}" Subject: "{0}"', 'Text "{1}", and "{0}" as the subject')
    steps = ((_find(who),), (_send(who.email, subject, body),))
    turns = (
        Turn(first, (), "What should the subject and the text be?", ending="asked_back"),
        Turn(second.format(subject, body), steps, f"The e-mail to {who.name} is sent.", ending="done"),
    )
    return Scenario("multi_step", f"{who.name} {subject}", turns)


def wrong_domain(draw: Draw) -> Scenario:
    (who,), (subject, body) = draw.contacts(1), draw.subject()
    wrong = who.email.replace("@example.com", "@example.org")
    user = draw.wording(
        'Send an e-mail to {0} with the subject "{1}" and the text "{2}"',
        'Write to {0}, subject "{1}", text "{2}"',
        'Please mail {0}. Subject: "{1}". Text: "{2}"',
    ).format(wrong, subject, body)
    steps = ((_send(wrong, subject, body, fails=True),), (_send(who.email, subject, body),))
    answer = f"{wrong} is not known; the e-mail went to {who.email}."
    turn = Turn(user, steps, answer, ending="done", facts=((who.email,),))
    return Scenario("error_then_retry", f"{wrong} {subject}", (turn,))


def wrong_sign(draw: Draw) -> Scenario:
    a, b = draw.rng.randrange(12, 99), draw.rng.randrange(3, 12)
    user = draw.wording("What is {} x {}?", "Please work out {} x {}.", "How much is {} x {}?").format(a, b)
    steps = ((_calculate(f"{a} x {b}", fails=True),), (_calculate(f"{a} * {b}"),))
    return Scenario(
        "error_then_retry", f"{a} x {b}", (Turn(user, steps, f"{a} x {b} = {a * b}", facts=((str(a * b),),)),)
    )


def unknown_address(draw: Draw) -> Scenario:
    (subject, body), number = draw.subject(), draw.rng.randrange(100, 999)
    to = f"{'customer' if draw.held_out else 'guest'}{number}@elsewhere.net"
    user = draw.wording(
        'Send an e-mail to {0} with the subject "{1}" and the text "{2}"',
        'Write to {0}, subject "{1}", text "{2}"',
        'Please mail {0}. Subject: "{1}". Text: "{2}"',
    ).format(to, subject, body)
    answer = f"I cannot write to {to}: no contact has the address."
    turn = Turn(user, ((_send(to, subject, body, fails=True),),), answer, ending="refused")
    return Scenario("error_then_explain", f"{to} {subject}", (turn,))


def division_by_zero(draw: Draw) -> Scenario:
    a = draw.rng.randrange(100, 999)
    user = draw.wording("What is {} / 0?", "Please work out {} / 0.", "How much is {} / 0?").format(a)
    answer = f"{a} / 0 has no result: nothing can be divided by zero."
    turn = Turn(user, ((_calculate(f"{a} / 0", fails=True),),), answer, ending="refused")
    return Scenario("error_then_explain", f"{a} / 0", (turn,))


def thanks(draw: Draw) -> Scenario:
    (who,) = draw.contacts(1)
    first = who.name.split()[0]
    user = draw.wording("Thanks, {} here, all done.", "That was all, thank you! {}", "Perfect, bye from {}.").format(
        first
    )
    return Scenario("no_tool", first, (Turn(user.format(first), (), f"You are welcome, {first}.", ending="no_tool"),))


def not_offered(draw: Draw) -> Scenario:
    city = draw.rng.choice([note for note in draw.world.notes if "Hotel" in note.title]).subject
    user = draw.wording(
        "Book me a flight to {}.", "Can you order a taxi in {}?", "Reserve a table in {} for tonight."
    ).format(city)
    answer = "I cannot do that. I can search contacts and notes, calculate, and send e-mail."
    return Scenario("no_tool", user.lower(), (Turn(user, (), answer, ending="refused"),))


FAMILIES: tuple[Callable[[Draw], Scenario], ...] = (
    work_out,
    two_prices,
    hotel_cost,
    wrong_domain,
    unknown_address,
    thanks,
    find_address,
    same_mail_twice,
    mail_by_name,
    wrong_sign,
    division_by_zero,
    not_offered,
    mail_known_address,
    ask_then_mail,
)
"""In this order, so that any run of fourteen covers every category."""
