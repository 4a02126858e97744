"""Entities that look alike: two customers of one name, two orders whose numbers are close. A read tells them apart."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

from helpdesk.draw import Draw, NothingFitsError
from helpdesk.family import Say, Slots, Way, call, family
from toolft_pipeline.trajectories.category import Category

MULTI = Category.MULTI_STEP


def _namesake(d: Draw, where: str = "1") -> dict[str, str]:
    """Name and city of a customer who has a namesake."""
    alike = "EXISTS (SELECT 1 FROM customers o WHERE o.name = c.name AND o.customer != c.customer)"
    row = d.row(f"SELECT name, city FROM customers c WHERE {alike} AND {where} ORDER BY customer")
    return {"name": row["name"], "city": row["city"]}


@family(
    "orders_by_name",
    MULTI,
    log="""
    Which orders does {name} from {city} have?
    List the orders of {name} in {city}.
    {name} of {city} asks for the order list.
    Orders by {name}, the one in {city}.
    Show me what {name} from {city} ordered.
    There are two called {name}; I want the orders of the one in {city}.
    """,
    held="""
    I need the orders of {name} who lives in {city}.
    {name}, {city}: list the orders.
    """,
    pick=lambda d: _namesake(d, "EXISTS (SELECT 1 FROM orders x WHERE x.customer = c.customer)"),
)
def orders_by_name(s: Slots) -> Way:
    found = yield [call("find_customer", name=s["name"])]
    customer = next(row["customer"] for row in found[0].data["customers"] if row["city"] == s["city"])
    yield [call("list_orders", customer=customer)]


@family(
    "which_namesake",
    MULTI,
    log="""
    Show me the customer {name}. // The one in {city}.
    What do we know of {name}? // From {city}.
    Pull up {name}. // {city}.
    I need the record of {name}. // I mean the one in {city}.
    Open the customer record of {name} please. // {city} it is.
    """,
    held="""
    Look up the customer {name} for me. // That is the person in {city}.
    The record of {name}, please. // {city}, thanks.
    """,
    pick=_namesake,
)
def which_namesake(s: Slots) -> Way:
    found = yield [call("find_customer", name=s["name"])]
    rows = found[0].data["customers"]
    yield Say("which_namesake", {"name": s["name"], "rows": rows}, "asked_back")
    customer = next(row["customer"] for row in rows if row["city"] == s["city"])
    yield [call("get_customer", customer=customer)]


def _two_orders(d: Draw) -> dict[str, Any]:
    """Two orders whose numbers are close, and a product that one of them alone has."""
    free = "o.status IN ('new', 'paid') AND o.held = 0"
    rows = d.query(f"SELECT order_id FROM orders o WHERE {free} ORDER BY 1")
    near = [(a, b) for a, b in pairwise(rows) if int(b[2:]) - int(a[2:]) <= 3]
    pair = list(d.choice(near))
    chosen, other = d.sample(pair, 2)
    mine = d.query("SELECT sku FROM items WHERE order_id = ? ORDER BY 1", chosen)
    theirs = d.query("SELECT sku FROM items WHERE order_id = ? ORDER BY 1", other)
    own = [sku for sku in mine if sku not in theirs]
    if not own:
        raise NothingFitsError
    return {"order": pair[0], "order2": pair[1], "sku": own[0], "chosen": chosen}


@family(
    "which_of_two_orders",
    Category.PARALLEL_CALLS,
    log="""
    Hold the order with the {sku}, it is {order} or {order2}.
    {order} or {order2}, I am not sure: the one with the {sku} has to be held.
    Put a hold on whichever of {order} and {order2} has the {sku}.
    One of {order} and {order2} contains the {sku}. Hold that one.
    The order with the {sku} must wait, either {order} or {order2}. Hold it.
    """,
    held="""
    Either {order} or {order2} has the {sku}; please hold that order.
    Look which of {order} and {order2} has the {sku} and put it on hold.
    """,
    pick=_two_orders,
)
def which_of_two_orders(s: Slots) -> Way:
    shown = yield [call("get_order", order=each) for each in (s["order"], s["order2"])]
    chosen = next(one.data["order"] for one in shown if s["sku"] in [item["sku"] for item in one.data["items"]])
    yield [call("hold_order", order=chosen)]
