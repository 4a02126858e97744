"""The first call fails and leaves no way on: the agent says why."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from toolft_pipeline.evaluation.task import Category
from toolft_pipeline.helpdesk.draw import Draw
from toolft_pipeline.helpdesk.family import Slots, Way, arguments_of, call, family

EXPLAIN = Category.ERROR_THEN_EXPLAIN


def refused(name: str, tool: str, spec: str, *, log: str, held: str, pick: Callable[[Draw], dict[str, Any]]) -> None:
    """A family of one call that fails, and the explanation."""

    def way(s: Slots) -> Way:
        yield [call(tool, **arguments_of(spec, s))]

    family(name, EXPLAIN, log=log, held=held, pick=pick)(way)


refused(
    "hold_gone_order",
    "hold_order",
    "order",
    log="""
    Put {order} on hold.
    Do not ship {order} yet, hold it.
    Keep {order} back for the moment.
    {order} has to wait, put a hold on it.
    Freeze {order} for the time being.
    """,
    held="""
    Hold {order} for now.
    Please pause order {order}.
    """,
    pick=lambda d: {"order": d.order("status IN ('shipped', 'delivered', 'cancelled')")},
)


refused(
    "track_unshipped",
    "track_order",
    "order",
    log="""
    Where is {order}?
    When does {order} arrive?
    Which carrier has {order}?
    How far has {order} got?
    Locate the parcel for {order}.
    """,
    held="""
    Track {order}.
    Where is the parcel of {order} right now?
    """,
    pick=lambda d: {"order": d.order("status IN ('new', 'paid', 'packed')")},
)

refused(
    "release_free_order",
    "release_order",
    "order",
    log="""
    Release {order}.
    {order} can go on, release it.
    Order {order} need not wait any longer.
    Let {order} proceed.
    End the hold of {order}.
    """,
    held="""
    Take {order} off hold.
    Lift the hold on {order}.
    """,
    pick=lambda d: {"order": d.order("held = 0 AND status != 'moved'")},
)

refused(
    "mail_taken",
    "add_customer",
    "name email",
    log="""
    Add a new customer: {name}, {email}.
    {name} is new here, the address is {email}. Please add.
    Register {name} with {email}.
    Please set up {name} as a customer, {email}.
    Enter {name}, {email}, as a new customer.
    """,
    held="""
    Create a customer record for {name} with {email}.
    We have a new customer, {name}, e-mail {email}.
    """,
    pick=lambda d: d.person() | {"name": d.stranger()["name"]},
)

refused(
    "unknown_mail",
    "find_customer",
    "email",
    log="""
    Who is {email}?
    Find the customer with the address {email}.
    Look up {email} for me.
    Whose address is {email}?
    Search for {email} among our customers.
    """,
    held="""
    Which customer id belongs to {email}?
    I need the customer number of {email}.
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
    Nudge the customer about {invoice} by {channel}.
    Ask again for the money of {invoice} by {channel}.
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

refused(
    "release_twice",
    "release_stock",
    "reservation=res",
    log="""
    Release reservation {res}.
    Give back the goods of {res}.
    Free what is reserved under {res}.
    Undo reservation {res}.
    Dissolve {res} please.
    """,
    held="""
    {res} is not needed any more, release it.
    Drop reservation {res}.
    """,
    pick=lambda d: {"res": d.reservation("status = 'released'")},
)

refused(
    "billed_already",
    "create_invoice",
    "order amount",
    log="""
    Bill {order} with {amount} euros.
    Invoice order {order}, {amount} euros.
    Create an invoice for {order}: {amount}.
    Charge {amount} euros for {order}.
    Write a bill of {amount} for order {order}.
    """,
    held="""
    Make an invoice over {amount} for {order}.
    {order} is to be billed, {amount} euros.
    """,
    pick=lambda d: {
        "order": d.order("EXISTS (SELECT 1 FROM invoices i WHERE i.order_id = o.order_id)"),
        "amount": d.number(2, 90) * 10,
    },
)
