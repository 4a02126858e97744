"""Requests that nobody makes in the logs, for tools that the logs show."""

from __future__ import annotations

from typing import Any

from helpdesk.draw import Draw
from helpdesk.family import Level, Slots, Way, call, direct, family
from toolft_pipeline.trajectories.category import Category

NEW = Level.NEW_FAMILY
HAS_ORDERS_AND_TICKETS = (
    "EXISTS (SELECT 1 FROM orders o WHERE o.customer = c.customer AND o.status != 'moved') AND "
    "EXISTS (SELECT 1 FROM tickets t WHERE t.customer = c.customer)"
)


def _two(name: str, values: list[str]) -> dict[str, str]:
    return {name: values[0], f"{name}2": values[1]}


direct(
    "customer_overview",
    ("list_orders", "customer"),
    ("list_tickets", "customer"),
    ("list_invoices", "customer"),
    level=NEW,
    held="""
    Orders, tickets and invoices of {customer}, please.
    List the orders, the tickets and the invoices of {customer}.
    """,
    pick=lambda d: {"customer": d.customer(HAS_ORDERS_AND_TICKETS)},
)
direct(
    "track_two",
    ("track_order", "order"),
    ("track_order", "order=order2"),
    level=NEW,
    held="""
    Track {order} and {order2}.
    Where are the parcels of {order} and {order2}?
    """,
    pick=lambda d: _two("order", d.orders(2, "status IN ('shipped', 'delivered')")),
)
direct(
    "receive_two",
    ("receive_stock", "sku qty warehouse=wh"),
    ("receive_stock", "sku=sku2 qty=qty2 warehouse=wh"),
    level=NEW,
    held="""
    {qty} {sku} as well as {qty2} {sku2} came to {wh}.
    Book {qty} {sku} and {qty2} {sku2} as received in {wh}.
    """,
    pick=lambda d: _two("sku", d.skus(2)) | {"qty": d.number(5, 90), "qty2": d.number(5, 90), "wh": d.warehouse()},
)
direct(
    "two_prices",
    ("set_price", "sku price"),
    ("set_price", "sku=sku2 price=price2"),
    level=NEW,
    held="""
    {sku} costs {price} euros from now on, {sku2} costs {price2}.
    New prices: {sku} {price} euros, {sku2} {price2} euros.
    """,
    pick=lambda d: _two("sku", d.skus(2)) | {"price": d.number(10, 190), "price2": d.number(10, 190)},
)
direct(
    "vip_care",
    ("set_tier", "customer tier"),
    ("tag_ticket", "ticket tags"),
    level=NEW,
    held="""
    Make {customer} {tier} and tag {ticket} as vip.
    {ticket} gets the tag vip, and its customer {customer} becomes {tier}.
    """,
    pick=lambda d: {**_with_customer(d), "tier": "silver", "tags": ["vip"]},
)
direct(
    "duplicate_noted",
    ("close_ticket", "ticket resolution"),
    ("add_note", "ticket=ticket2 text=note"),
    level=NEW,
    held="""
    Close {ticket} as duplicate and note on {ticket2}: "{note}".
    {ticket} is a duplicate, close it; {ticket2} gets the note "{note}".
    """,
    pick=lambda d: _two("ticket", d.tickets(2)) | {"resolution": "duplicate", "note": d.remark()},
)


def _with_customer(d: Draw) -> dict[str, Any]:
    row = d.row("SELECT ticket, customer FROM tickets WHERE status = 'open' ORDER BY 1")
    return {"ticket": row["ticket"], "customer": row["customer"]}


def _served_by_two(d: Draw) -> list[str]:
    """Two open tickets of two colleagues who are here."""
    query = "SELECT ticket FROM tickets WHERE status = 'open' AND agent = ? ORDER BY 1"
    agents = d.query("SELECT DISTINCT agent FROM tickets WHERE status = 'open' AND agent IS NOT NULL ORDER BY 1")
    return [d.choice(d.query(query, agent)) for agent in d.sample(agents, 2)]


@family(
    "swap_agents",
    Category.PARALLEL_CALLS,
    level=NEW,
    held="""
    Swap the agents of {ticket} and {ticket2}.
    {ticket} and {ticket2} should change hands: each gets the agent of the other.
    """,
    pick=lambda d: _two("ticket", _served_by_two(d)),
)
def swap_agents(s: Slots) -> Way:
    shown = yield [call("get_ticket", ticket=s["ticket"]), call("get_ticket", ticket=s["ticket2"])]
    one, other = (each.data["agent"] for each in shown)
    yield [
        call("assign_ticket", ticket=s["ticket"], agent=other),
        call("assign_ticket", ticket=s["ticket2"], agent=one),
    ]


@family(
    "release_and_ship",
    Category.MULTI_STEP,
    level=NEW,
    held="""
    Take {order} off hold and ship it with {carrier}.
    {order} may go: release it, then hand it to {carrier}.
    """,
    pick=lambda d: {
        "order": d.order(
            "held = 1 AND NOT EXISTS (SELECT 1 FROM invoices i WHERE i.order_id = o.order_id AND i.status = 'unpaid')"
        ),
        "carrier": d.carrier(),
    },
)
def release_and_ship(s: Slots) -> Way:
    yield [call("release_order", order=s["order"])]
    yield [call("ship_order", order=s["order"], carrier=s["carrier"])]


@family(
    "pay_what_is_due",
    Category.MULTI_STEP,
    level=NEW,
    held="""
    {invoice} was paid in full by {method}, book it.
    The customer settled all of {invoice}, by {method}. Record the payment.
    """,
    pick=lambda d: {"invoice": d.invoice(), "method": d.choice(("card", "cash", "transfer"))},
)
def pay_what_is_due(s: Slots) -> Way:
    shown = yield [call("get_invoice", invoice=s["invoice"])]
    due = shown[0].data["amount"] - shown[0].data["paid"]
    yield [call("record_payment", invoice=s["invoice"], amount=due, method=s["method"])]
