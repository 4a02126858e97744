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
    Good morning, {first} from the {city} office.
    Hello, {first} in {city} here.
    {first} from {city} speaking.
    It is {first}, {city} branch.
    """,
    held="""
    Greetings, my name is {first}, I sit in {city}.
    {first} of {city} says hello.
    """,
    pick=lambda d: {"first": d.first_name(), "city": d.city()},
)
said(
    "thanks",
    "You are welcome, {first}!",
    log="""
    Thanks a lot, {first} in {city} is happy.
    That helped, says {first} from {city}.
    {first} from {city} says thank you.
    Great work, thanks from {first}, {city}.
    All good now, {first} in {city} thanks you.
    """,
    held="""
    {first} in {city} appreciates the help.
    Much obliged, {first} from {city}.
    """,
    pick=lambda d: {"first": d.first_name(), "city": d.city()},
)
said(
    "beyond_the_desk",
    "Sorry, I only handle orders, tickets, stock, customers and invoices.",
    log="""
    What is the weather in {city}?
    Book me a flight to {city}.
    Which hotel in {city} do you recommend?
    Who is the mayor of {city}?
    Write a poem about a {sku} in {city}.
    """,
    held="""
    Find me a restaurant in {city}.
    Translate "{sku}" into the language of {city}.
    """,
    pick=lambda d: {"city": d.city(), "sku": d.sku()},
)
said(
    "which_order",
    "Which order is it? Please give me its number.",
    log="""
    Cancel my order of {sku}, it is {reason}.
    Where is the {sku} that I ordered?
    Put the order with the {sku} on hold.
    The order of {sku} is {reason}, take it back.
    Ship the order with the {sku} now.
    """,
    held="""
    The {sku} in my order is {reason}, call the order off.
    Freeze the order of the {sku}.
    """,
    pick=lambda d: {"sku": d.sku(), "reason": d.reason()},
)
said(
    "which_carrier",
    "With which carrier: dhl, ups or gls?",
    log="""
    Ship {order}.
    Send {order} out.
    {order} is ready to go.
    Please ship order {order} today.
    Hand {order} to a carrier.
    """,
    held="""
    Dispatch {order}.
    {order} should be shipped now.
    """,
    pick=lambda d: {"order": d.order()},
)
said(
    "which_agent",
    "Who should have {ticket}?",
    log="""
    Assign {ticket}.
    {ticket} needs an agent.
    Give {ticket} to somebody.
    Somebody should look after {ticket}.
    Find an agent for {ticket}.
    """,
    held="""
    Hand {ticket} over to a colleague.
    {ticket} should be handled by someone.
    """,
    pick=lambda d: {"ticket": d.ticket()},
)
said(
    "which_resolution",
    "As solved, duplicate or rejected?",
    log="""
    Close {ticket}.
    {ticket} can be closed.
    Please close ticket {ticket} now.
    Shut {ticket}.
    We do not need {ticket} any more, close it.
    """,
    held="""
    We are done with {ticket}.
    Finish {ticket}.
    """,
    pick=lambda d: {"ticket": d.ticket()},
)
said(
    "which_source",
    "From which warehouse should {qty} {sku} come?",
    log="""
    Move {qty} {sku} to {target}.
    {target} needs {qty} {sku}.
    Transfer {qty} {sku} to {target}.
    Send {qty} {sku} over to {target}.
    Shift {qty} {sku} to {target}.
    """,
    held="""
    Bring {qty} {sku} to {target}.
    {target} is short of {qty} {sku}.
    """,
    pick=lambda d: {"sku": d.sku(), "qty": d.number(2, 30), "target": d.warehouse()},
)
said(
    "how_many_percent",
    "How many percent should {invoice} get?",
    log="""
    Give a discount on {invoice}.
    {invoice} gets a discount.
    Make {invoice} cheaper.
    Apply a discount to {invoice}.
    The customer asks for a discount on {invoice}.
    """,
    held="""
    Knock something off {invoice}.
    Grant a discount on {invoice}.
    """,
    pick=lambda d: {"invoice": d.invoice()},
)
said(
    "why_cancel",
    "Why: is it damaged, late, unwanted or wrong?",
    log="""
    Cancel {order}.
    Please cancel order {order}.
    {order} must be cancelled.
    The customer wants {order} cancelled.
    Cancel order {order} today.
    """,
    held="""
    Call off {order}.
    Please stop {order} for good.
    """,
    pick=lambda d: {"order": d.order()},
)
