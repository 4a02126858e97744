"""Nothing to call: small talk, questions beyond the desk, and requests that lack something."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from toolft_pipeline.evaluation.task import Category
from toolft_pipeline.helpdesk.draw import Draw
from toolft_pipeline.helpdesk.family import Slots, Way, family


def said(name: str, answer: str, *, log: str, held: str, pick: Callable[[Draw], dict[str, Any]]) -> None:
    """A family that is answered at once."""

    def way(s: Slots) -> Way:
        yield answer.format_map(s)

    family(name, Category.NO_TOOL, log=log, held=held, pick=pick)(way)


said(
    "greeting",
    "Hello {first}, how can I help?",
    log="""
    Hi, this is {first} from {city}.
    Hello, {first} in {city} here.
    It is {first}, {city} branch.
    Greetings, my name is {first}, I sit in {city}.
    {first} of {city} says hello.
    """,
    held="""
    Good morning, {first} from the {city} office.
    {first} from {city} speaking.
    """,
    pick=lambda d: {"first": d.first_name(), "city": d.city()},
)
said(
    "thanks",
    "You are welcome, {first}!",
    log="""
    Thanks a lot, {first} in {city} is happy.
    {first} from {city} says thank you.
    All good now, {first} in {city} thanks you.
    {first} in {city} appreciates the help.
    Much obliged, {first} from {city}.
    """,
    held="""
    That helped, says {first} from {city}.
    Great work, thanks from {first}, {city}.
    """,
    pick=lambda d: {"first": d.first_name(), "city": d.city()},
)
said(
    "beyond_the_desk",
    "Sorry, I only handle orders, tickets, stock, customers and invoices.",
    log="""
    What is the weather in {city}?
    Which hotel in {city} do you recommend?
    Write a poem about a {sku} in {city}.
    Find me a restaurant in {city}.
    Translate "{sku}" into the language of {city}.
    """,
    held="""
    Book me a flight to {city}.
    Who is the mayor of {city}?
    """,
    pick=lambda d: {"city": d.city(), "sku": d.sku()},
)
said(
    "which_order",
    "Which order is it? Please give me its number.",
    log="""
    Cancel my order of {sku}, it is {reason}.
    Put the order with the {sku} on hold.
    Ship the order with the {sku} now.
    The {sku} in my order is {reason}, call the order off.
    Freeze the order of the {sku}.
    """,
    held="""
    Where is the {sku} that I ordered?
    The order of {sku} is {reason}, take it back.
    """,
    pick=lambda d: {"sku": d.sku(), "reason": d.reason()},
)
said(
    "which_carrier",
    "With which carrier: dhl, ups or gls?",
    log="""
    Ship {order}.
    {order} is ready to go.
    Hand {order} to a carrier.
    Dispatch {order}.
    {order} should be shipped now.
    """,
    held="""
    Send {order} out.
    Please ship order {order} today.
    """,
    pick=lambda d: {"order": d.order()},
)
said(
    "which_agent",
    "Who should have {ticket}?",
    log="""
    Assign {ticket}.
    Give {ticket} to somebody.
    Find an agent for {ticket}.
    Hand {ticket} over to a colleague.
    {ticket} should be handled by someone.
    """,
    held="""
    {ticket} needs an agent.
    Somebody should look after {ticket}.
    """,
    pick=lambda d: {"ticket": d.ticket()},
)
said(
    "which_resolution",
    "As solved, duplicate or rejected?",
    log="""
    Close {ticket}.
    Please close ticket {ticket} now.
    We do not need {ticket} any more, close it.
    We are done with {ticket}.
    Finish {ticket}.
    """,
    held="""
    {ticket} can be closed.
    Shut {ticket}.
    """,
    pick=lambda d: {"ticket": d.ticket()},
)
said(
    "which_source",
    "From which warehouse should {qty} {sku} come?",
    log="""
    Move {qty} {sku} to {target}.
    Transfer {qty} {sku} to {target}.
    Shift {qty} {sku} to {target}.
    Bring {qty} {sku} to {target}.
    {target} is short of {qty} {sku}.
    """,
    held="""
    {target} needs {qty} {sku}.
    Send {qty} {sku} over to {target}.
    """,
    pick=lambda d: {"sku": d.sku(), "qty": d.number(2, 30), "target": d.warehouse()},
)
said(
    "how_many_percent",
    "How many percent should {invoice} get?",
    log="""
    Give a discount on {invoice}.
    Make {invoice} cheaper.
    The customer asks for a discount on {invoice}.
    Knock something off {invoice}.
    Grant a discount on {invoice}.
    """,
    held="""
    {invoice} gets a discount.
    Apply a discount to {invoice}.
    """,
    pick=lambda d: {"invoice": d.invoice()},
)
said(
    "why_cancel",
    "Why: is it damaged, late, unwanted or wrong?",
    log="""
    Cancel {order}.
    {order} must be cancelled.
    Cancel order {order} today.
    Call off {order}.
    Please stop {order} for good.
    """,
    held="""
    Please cancel order {order}.
    The customer wants {order} cancelled.
    """,
    pick=lambda d: {"order": d.order()},
)
