"""An order's first call fails, the refusal says what to do, and the second way works."""

from __future__ import annotations

from helpdesk.draw import Draw
from helpdesk.families.where import GONE
from helpdesk.family import Slots, Way, call, family
from toolft_pipeline.trajectories.category import Category

RETRY = Category.ERROR_THEN_RETRY


def _moved(d: Draw) -> dict[str, str]:
    return {"order": d.order("status = 'moved'")}


@family(
    "show_renumbered_order",
    RETRY,
    log="""
    Show order {order}.
    What is the status of {order}?
    Give me the details of order {order}.
    Pull up {order} please.
    Open {order} for me.
    What is in {order}?
    Whose order is {order}?
    Can you show me {order}?
    What did the customer buy with {order}?
    Check order {order} for me.
    Which items does {order} have?
    Let me see order {order}.
    How is order {order} doing?
    """,
    held="""
    Look up order {order}.
    Show me what is in {order}.
    """,
    pick=_moved,
)
def show_renumbered_order(s: Slots) -> Way:
    first = yield [call("get_order", order=s["order"])]
    order = first[0].remedy
    yield [call("get_order", order=order)]


@family(
    "cancel_shipped",
    RETRY,
    log="""
    Cancel {order}, it is {reason}.
    {order} is {reason}, cancel it.
    Cancel order {order} as {reason}.
    {order} should not go out, it is {reason}; cancel please.
    Call off {order}, {reason}.
    Please stop {order} for good and cancel, {reason}.
    Can you cancel {order}? It is {reason}.
    {reason} is the reason, cancel {order}.
    Order {order} has to be cancelled, {reason}.
    Please cancel {order} because it is {reason}.
    The customer does not want {order}: {reason}. Cancel it.
    """,
    held="""
    Please cancel order {order}, reason {reason}.
    The customer says {order} is {reason}. Cancel that order.
    """,
    pick=lambda d: {"order": d.order(GONE), "reason": d.reason()},
)
def cancel_shipped(s: Slots) -> Way:
    yield [call("cancel_order", order=s["order"], reason=s["reason"])]
    yield [call("open_return", order=s["order"], reason=s["reason"])]


@family(
    "order_sold_out",
    RETRY,
    log="""
    Order {qty} {sku} for {customer}.
    Place an order for {customer}: {qty} {sku}.
    New order, customer {customer}, {qty} {sku}.
    {customer} would like to buy {qty} {sku}.
    Put in an order of {qty} {sku} for {customer}.
    {customer} wants {qty} {sku}.
    Can you order {qty} {sku} for {customer}?
    {customer} needs {qty} {sku}, order them.
    Please make an order of {qty} {sku} for customer {customer}.
    Customer {customer} takes {qty} {sku}.
    {customer} asks for {qty} {sku}, place the order.
    """,
    held="""
    {customer} wants to order {qty} {sku}.
    Please order {qty} x {sku} for {customer}.
    """,
    pick=lambda d: {"customer": d.customer(), "sku": d.sku("successor IS NOT NULL"), "qty": d.number(1, 20)},
)
def order_sold_out(s: Slots) -> Way:
    first = yield [call("place_order", customer=s["customer"], items=[{"sku": s["sku"], "qty": s["qty"]}])]
    items = [{"sku": first[0].remedy, "qty": s["qty"]}]
    yield [call("place_order", customer=s["customer"], items=items)]
