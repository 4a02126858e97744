"""The first call fails and leaves no way on: the agent says why."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from toolft_pipeline.evaluation.task import Category
from toolft_pipeline.helpdesk.draw import Draw
from toolft_pipeline.helpdesk.family import Slots, Way, arguments_of, call, family, sorry

EXPLAIN = Category.ERROR_THEN_EXPLAIN


def refused(name: str, tool: str, spec: str, *, log: str, held: str, pick: Callable[[Draw], dict[str, Any]]) -> None:
    """A family of one call that fails, and the explanation."""

    def way(s: Slots) -> Way:
        results = yield [call(tool, **arguments_of(spec, s))]
        yield sorry(results[0])

    family(name, EXPLAIN, log=log, held=held, pick=pick)(way)


refused(
    "hold_gone_order",
    "hold_order",
    "order",
    log="""
    Put {order} on hold.
    Hold {order} for now.
    Do not ship {order} yet, hold it.
    Please pause order {order}.
    Keep {order} back for the moment.
    """,
    held="""
    {order} has to wait, put a hold on it.
    Freeze {order} for the time being.
    """,
    pick=lambda d: {"order": d.order("status IN ('shipped', 'delivered', 'cancelled')")},
)

refused(
    "note_in_packed_order",
    "add_gift_note",
    "order text",
    log="""
    Put a gift note "{text}" into {order}.
    Gift note for {order}: "{text}".
    {order} is a present, write "{text}".
    Add the note "{text}" to the gift {order}.
    Write "{text}" on the gift card of {order}.
    """,
    held="""
    The card in {order} should say "{text}".
    Slip a gift note "{text}" in with {order}.
    """,
    pick=lambda d: {"order": d.order("status IN ('packed', 'shipped', 'delivered')"), "text": d.wish()},
)

refused(
    "track_unshipped",
    "track_order",
    "order",
    log="""
    Where is {order}?
    Track {order}.
    When does {order} arrive?
    Where is the parcel of {order} right now?
    Which carrier has {order}?
    """,
    held="""
    How far has {order} got?
    Locate the parcel for {order}.
    """,
    pick=lambda d: {"order": d.order("status IN ('new', 'paid', 'packed')")},
)

refused(
    "release_free_order",
    "release_order",
    "order",
    log="""
    Release {order}.
    Take {order} off hold.
    {order} can go on, release it.
    Lift the hold on {order}.
    Order {order} need not wait any longer.
    """,
    held="""
    Let {order} proceed.
    End the hold of {order}.
    """,
    pick=lambda d: {"order": d.order("held = 0 AND status != 'moved'")},
)

refused(
    "mail_taken",
    "add_customer",
    "name email",
    log="""
    Add a new customer: {name}, {email}.
    Create a customer record for {name} with {email}.
    {name} is new here, the address is {email}. Please add.
    We have a new customer, {name}, e-mail {email}.
    Register {name} with {email}.
    """,
    held="""
    Please set up {name} as a customer, {email}.
    Enter {name}, {email}, as a new customer.
    """,
    pick=lambda d: d.person() | {"name": d.stranger()["name"]},
)

refused(
    "unknown_mail",
    "find_customer",
    "email",
    log="""
    Who is {email}?
    Which customer id belongs to {email}?
    Find the customer with the address {email}.
    I need the customer number of {email}.
    Look up {email} for me.
    """,
    held="""
    Whose address is {email}?
    Search for {email} among our customers.
    """,
    pick=lambda d: {"email": d.stranger()["email"]},
)

refused(
    "remind_paid",
    "send_reminder",
    "invoice channel",
    log="""
    Remind the customer of {invoice} by {channel}.
    Send a reminder for {invoice} by {channel}.
    {invoice} is late, remind by {channel}.
    Reminder on {invoice}, {channel} please.
    Write a reminder about {invoice}, via {channel}.
    """,
    held="""
    Nudge the customer about {invoice} by {channel}.
    Ask again for the money of {invoice} by {channel}.
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
    {res} is not needed any more, release it.
    Give back the goods of {res}.
    Drop reservation {res}.
    Free what is reserved under {res}.
    """,
    held="""
    Undo reservation {res}.
    Dissolve {res} please.
    """,
    pick=lambda d: {"res": d.reservation("status = 'released'")},
)

refused(
    "billed_already",
    "create_invoice",
    "order amount",
    log="""
    Bill {order} with {amount} euros.
    Make an invoice over {amount} for {order}.
    Invoice order {order}, {amount} euros.
    {order} is to be billed, {amount} euros.
    Create an invoice for {order}: {amount}.
    """,
    held="""
    Charge {amount} euros for {order}.
    Write a bill of {amount} for order {order}.
    """,
    pick=lambda d: {
        "order": d.order("EXISTS (SELECT 1 FROM invoices i WHERE i.order_id = o.order_id)"),
        "amount": d.number(2, 90) * 10,
    },
)


@family(
    "link_foreign_order",
    EXPLAIN,
    log="""
    Link {ticket} to {order}.
    {ticket} is about order {order}, link them.
    Connect ticket {ticket} with {order}.
    Attach {order} to {ticket}.
    {ticket} belongs to order {order}.
    """,
    held="""
    Tie {ticket} to order {order}.
    Record that {ticket} concerns {order}.
    """,
    pick=lambda d: {
        "ticket": (
            row := d.row(
                "SELECT ticket, o.order_id FROM tickets t JOIN orders o ON t.customer != o.customer "
                "WHERE t.status = 'open' AND o.status != 'moved' ORDER BY 1, 2"
            )
        )["ticket"],
        "order": row["order_id"],
    },
)
def link_foreign_order(s: Slots) -> Way:
    results = yield [call("link_order", ticket=s["ticket"], order=s["order"])]
    yield sorry(results[0])
