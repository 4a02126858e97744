"""Something is looked up, the call that follows fails: the agent says why."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from toolft_pipeline.evaluation.task import Category
from toolft_pipeline.helpdesk.draw import Draw
from toolft_pipeline.helpdesk.family import Slots, Way, arguments_of, call, family

EXPLAIN = Category.ERROR_THEN_EXPLAIN


def refused_elsewhere(
    name: str,
    first: tuple[str, str],
    tool: str,
    spec: str,
    *,
    log: str,
    held: str,
    pick: Callable[[Draw], dict[str, Any]],
) -> None:
    """A family that looks an order up by another record, then fails on the order and explains."""

    def way(s: Slots) -> Way:
        shown = yield [call(first[0], **arguments_of(first[1], s))]
        yield [call(tool, order=shown[0].data["order"], **arguments_of(spec, s))]

    family(name, EXPLAIN, log=log, held=held, pick=pick)(way)


refused_elsewhere(
    "ship_order_of_ticket_refused",
    ("get_ticket", "ticket"),
    "ship_order",
    "carrier",
    log="""
    Ship the order of ticket {ticket} with {carrier}.
    Ticket {ticket}: send its order by {carrier}.
    {carrier} takes the order of ticket {ticket}.
    Dispatch the order that {ticket} concerns via {carrier}.
    Give the order of {ticket} to {carrier} for shipping.
    """,
    held="""
    The order behind {ticket} goes out with {carrier}.
    Hand the order that {ticket} is about to {carrier}.
    """,
    pick=lambda d: {"ticket": d.ticket_on("o.status IN ('shipped', 'delivered', 'cancelled')"), "carrier": d.carrier()},
)
refused_elsewhere(
    "hold_order_of_ticket_refused",
    ("get_ticket", "ticket"),
    "hold_order",
    "",
    log="""
    Hold the order of ticket {ticket}.
    The order that {ticket} is about has to wait, hold it.
    Do not ship the order of {ticket} yet, hold it.
    Freeze the order that {ticket} concerns.
    Whatever order {ticket} is linked to, put a hold on it.
    """,
    held="""
    Put the order behind {ticket} on hold.
    Ticket {ticket}: pause its order.
    """,
    pick=lambda d: {"ticket": d.ticket_on("o.status IN ('shipped', 'delivered', 'cancelled')")},
)
refused_elsewhere(
    "track_order_of_invoice_refused",
    ("get_invoice", "invoice"),
    "track_order",
    "",
    log="""
    Where is the order of invoice {invoice}?
    {invoice}: where is its parcel?
    The customer asks about the goods on {invoice}, where are they?
    How far have the goods billed by {invoice} got?
    Locate the parcel behind {invoice}.
    """,
    held="""
    Track what {invoice} was for.
    Find the parcel that {invoice} belongs to.
    """,
    pick=lambda d: {"invoice": d.invoice_on("o.status IN ('new', 'paid', 'packed')")},
)
refused_elsewhere(
    "release_order_of_invoice_refused",
    ("get_invoice", "invoice"),
    "release_order",
    "",
    log="""
    Release the order of invoice {invoice}.
    Lift the hold on what {invoice} was for.
    Take the order of {invoice} off hold.
    End the hold of the order billed by {invoice}.
    Let the goods on {invoice} proceed.
    """,
    held="""
    {invoice} is settled, let its order go on.
    The order behind {invoice} need not wait any longer.
    """,
    pick=lambda d: {"invoice": d.invoice_on("o.held = 0")},
)
refused_elsewhere(
    "bill_order_of_return_refused",
    ("get_return", "return=ret"),
    "create_invoice",
    "amount",
    log="""
    Bill the order of return {ret} with {amount} euros.
    The order that {ret} belongs to costs {amount} euros, invoice it.
    Create an invoice for what {ret} sends back: {amount}.
    Charge {amount} euros for the order of {ret}.
    Write a bill of {amount} for the goods of return {ret}.
    """,
    held="""
    Make an invoice over {amount} for the order behind {ret}.
    {ret}: invoice its order, {amount} euros.
    """,
    pick=lambda d: {
        "ret": d.returned("order_id IN (SELECT order_id FROM invoices)"),
        "amount": d.number(2, 90) * 10,
    },
)


@family(
    "complaint_for_stranger",
    EXPLAIN,
    log="""
    {email} complains: "{subject}". {agent} takes it.
    {email} writes "{subject}", a ticket for {agent}.
    "{subject}", says {email}. Ticket, and assign {agent}.
    Log "{subject}" for {email} as a ticket that {agent} handles.
    A complaint by {email}: "{subject}", to be handled by {agent}.
    """,
    held="""
    Open a ticket for {email}, "{subject}", and give it to {agent}.
    New ticket for {agent} from {email}: "{subject}".
    """,
    pick=lambda d: d.person() | {"subject": d.subject(), "agent": d.stranger_agent()},
)
def complaint_for_stranger(s: Slots) -> Way:
    found = yield [call("find_customer", email=s["email"])]
    opened = yield [call("open_ticket", customer=found[0].data["customer"], subject=s["subject"])]
    yield [call("assign_ticket", ticket=opened[0].data["ticket"], agent=s["agent"])]
