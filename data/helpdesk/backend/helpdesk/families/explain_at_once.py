"""The first call fails and leaves no way on: the agent says why."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from helpdesk.draw import Draw
from helpdesk.family import Slots, Way, arguments_of, call, family
from toolft_pipeline.trajectories.category import Category

EXPLAIN = Category.ERROR_THEN_EXPLAIN


def refused(name: str, tool: str, spec: str, *, log: str, held: str, pick: Callable[[Draw], dict[str, Any]]) -> None:
    """A family of one call that fails, and the explanation."""

    def way(s: Slots) -> Way:
        yield [call(tool, **arguments_of(spec, s))]

    family(name, EXPLAIN, log=log, held=held, pick=pick)(way)


refused(
    "track_unshipped",
    "track_order",
    "order",
    log="""
    Where is {order}?
    When does {order} arrive?
    Which carrier has {order}?
    Track order {order}.
    How far has {order} got?
    Locate the parcel for {order}.
    Track {order}.
    Has {order} reached the customer?
    The customer asks where {order} is.
    Which city is {order} in?
    Look where {order} is.
    Any news on the parcel of {order}?
    I want to know when {order} comes.
    """,
    held="""
    Where is the parcel of {order} right now?
    Please track {order} for me.
    """,
    pick=lambda d: {"order": d.order("status IN ('new', 'paid', 'packed')")},
)


refused(
    "unknown_mail",
    "find_customer",
    "email",
    log="""
    Who is {email}?
    Find the customer with the address {email}.
    Look up {email} for me.
    Which customer number has {email}?
    Search for {email} among our customers.
    Whose address is {email}?
    Which customer id belongs to {email}?
    Is {email} one of our customers?
    What is the customer number behind {email}?
    Find {email}.
    {email} wrote to us, which customer is that?
    Can you find the customer number for {email}?
    """,
    held="""
    I need the customer number of {email}.
    Which customer belongs to {email}?
    """,
    pick=lambda d: {"email": d.stranger()["email"]},
)

refused(
    "remind_paid",
    "send_reminder",
    "invoice channel",
    log="""
    Remind the customer of {invoice} by {channel}.
    {invoice} is late, remind by {channel}.
    Write a reminder about {invoice}, via {channel}.
    {invoice} is still open, send a {channel} reminder.
    Nudge the customer about {invoice} by {channel}.
    Ask again for the money of {invoice} by {channel}.
    Send the customer a {channel} about {invoice}, it is overdue.
    {invoice} was not paid, reminder by {channel}.
    We are waiting for {invoice}: remind them by {channel}.
    Send out a {channel} reminder for invoice {invoice}.
    Can you remind them of {invoice} by {channel}?
    """,
    held="""
    Send a reminder for {invoice} by {channel}.
    Reminder on {invoice}, {channel} please.
    """,
    pick=lambda d: {
        "invoice": d.invoice("status IN ('paid', 'void')"),
        "channel": d.choice(("email", "sms", "letter")),
    },
)


def refused_by_mail(
    name: str, tool: str, spec: str, *, log: str, held: str, pick: Callable[[Draw], dict[str, Any]]
) -> None:
    """A family that looks the customer up first, then fails and explains."""

    def way(s: Slots) -> Way:
        found = yield [call("find_customer", email=s["email"])]
        yield [call(tool, customer=found[0].data["customer"], **arguments_of(spec, s))]

    family(name, EXPLAIN, log=log, held=held, pick=pick)(way)


refused_by_mail(
    "order_of_blocked_by_mail",
    "place_order",
    "items",
    log="""
    {email} would like to buy {qty} {sku}.
    Place an order of {qty} {sku} for {email}.
    Please order {qty} x {sku}, customer {email}.
    New order of {email}: {qty} {sku}.
    {email} wants {qty} {sku}.
    Put in an order of {qty} {sku} by {email}.
    {email} is on the phone and orders {qty} {sku}.
    Please put in {qty} {sku} for {email}.
    Make an order for {email}: {qty} {sku}.
    {email} needs {qty} {sku}, please order.
    Can you order {qty} {sku} for {email}?
    The customer {email} takes {qty} {sku}.
    """,
    held="""
    Order {qty} {sku} for {email}.
    {email} wants to order {qty} {sku}.
    """,
    pick=lambda d: (
        (one := {"sku": d.sku(), "qty": d.number(1, 20)}) | d.person("status = 'blocked'") | {"items": [one]}
    ),
)


@family(
    "block_twice_by_mail",
    EXPLAIN,
    worded_as="block_by_mail",
    pick=lambda d: d.person("status = 'blocked'") | {"why": d.choice(("fraud", "chargeback", "abuse"))},
)
def block_twice_by_mail(s: Slots) -> Way:
    found = yield [call("find_customer", email=s["email"])]
    yield [call("block_customer", customer=found[0].data["customer"], reason=s["why"])]
