"""An order's first call fails, the refusal says what to do, and the second way works."""

from __future__ import annotations

from toolft_pipeline.evaluation.task import Category
from toolft_pipeline.helpdesk.draw import Draw
from toolft_pipeline.helpdesk.families.where import GONE, OPEN
from toolft_pipeline.helpdesk.family import Slots, Way, call, family

RETRY = Category.ERROR_THEN_RETRY


def _moved(d: Draw) -> dict[str, str]:
    return {"order": d.order("status = 'moved'")}


def _merged(d: Draw) -> dict[str, str]:
    return {"ticket": d.ticket("status = 'merged'")}


@family(
    "show_renumbered_order",
    RETRY,
    log="""
    Show order {order}.
    What is the status of {order}?
    Pull up {order} please.
    Give me the details of order {order}.
    Open {order} for me.
    """,
    held="""
    What is in {order}?
    Whose order is {order}?
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
    Call off {order}, {reason}.
    Please stop {order} for good and cancel, {reason}.
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
    "return_unshipped",
    RETRY,
    log="""
    Open a return for {order}, it is {reason}.
    Return order {order}, reason {reason}.
    Start a return of {order}: {reason}.
    Set up a return for {order} because it is {reason}.
    We take {order} back, {reason}.
    """,
    held="""
    The customer sends {order} back, {reason}.
    {order} comes back, it is {reason}.
    """,
    pick=lambda d: {"order": d.order(OPEN), "reason": d.reason()},
)
def return_unshipped(s: Slots) -> Way:
    yield [call("open_return", order=s["order"], reason=s["reason"])]
    yield [call("cancel_order", order=s["order"], reason=s["reason"])]


@family(
    "ship_held",
    RETRY,
    log="""
    Ship {order} with {carrier}.
    {order} goes out with {carrier}.
    {order} is ready, {carrier} takes it.
    Dispatch {order} via {carrier}.
    Give {order} to {carrier} for shipping.
    """,
    held="""
    Send {order} by {carrier}.
    Hand order {order} to {carrier}.
    """,
    pick=lambda d: {
        "order": d.order(
            "held = 1 AND NOT EXISTS (SELECT 1 FROM invoices i WHERE i.order_id = o.order_id AND i.status = 'unpaid')"
        ),
        "carrier": d.carrier(),
    },
)
def ship_held(s: Slots) -> Way:
    yield [call("ship_order", order=s["order"], carrier=s["carrier"])]
    yield [call("release_order", order=s["order"])]
    yield [call("ship_order", order=s["order"], carrier=s["carrier"])]


@family(
    "deliver_on_full_day",
    RETRY,
    log="""
    Deliver {order} on {day}.
    Set the delivery of {order} to {day}.
    The customer wants {order} on {day}.
    Please bring {order} on {day}.
    Plan {order} for {day}.
    """,
    held="""
    {order} should come on {day}.
    Change delivery day of {order}: {day}.
    """,
    pick=lambda d: {
        "order": d.order("status IN ('new', 'paid', 'packed', 'shipped')"),
        "day": d.query("SELECT day FROM full_days")[0],
    },
)
def deliver_on_full_day(s: Slots) -> Way:
    first = yield [call("set_delivery", order=s["order"], window={"day": s["day"]})]
    day = first[0].remedy
    yield [call("set_delivery", order=s["order"], window={"day": day})]


@family(
    "order_sold_out",
    RETRY,
    log="""
    Order {qty} {sku} for {customer}.
    Place an order for {customer}: {qty} {sku}.
    New order, customer {customer}, {qty} {sku}.
    {customer} would like to buy {qty} {sku}.
    Put in an order of {qty} {sku} for {customer}.
    """,
    held="""
    {customer} wants {qty} {sku}.
    Please order {qty} x {sku} for {customer}.
    """,
    pick=lambda d: {"customer": d.customer(), "sku": d.sku("successor IS NOT NULL"), "qty": d.number(1, 20)},
)
def order_sold_out(s: Slots) -> Way:
    first = yield [call("place_order", customer=s["customer"], items=[{"sku": s["sku"], "qty": s["qty"]}])]
    items = [{"sku": first[0].remedy, "qty": s["qty"]}]
    yield [call("place_order", customer=s["customer"], items=items)]


@family(
    "add_sold_out_item",
    RETRY,
    log="""
    Add {qty} {sku} to {order}.
    {order} should also have {qty} {sku}.
    The customer wants {qty} {sku} on top in {order}.
    Include {qty} {sku} in {order} too.
    Extend {order} by {qty} {sku}.
    """,
    held="""
    Put {qty} more {sku} into order {order}.
    Please add {qty} x {sku} to {order}.
    """,
    pick=lambda d: {"order": d.order(OPEN), "sku": d.sku("successor IS NOT NULL"), "qty": d.number(1, 20)},
)
def add_sold_out_item(s: Slots) -> Way:
    first = yield [call("add_item", order=s["order"], item={"sku": s["sku"], "qty": s["qty"]})]
    other = first[0].remedy
    yield [call("add_item", order=s["order"], item={"sku": other, "qty": s["qty"]})]


@family(
    "approve_unarrived",
    RETRY,
    log="""
    Approve {ret} with {outcome}, it came {condition}.
    Decide on return {ret}: {outcome}, goods {condition}.
    Return {ret} is fine, {outcome} please, it looks {condition}.
    Grant {ret} the {outcome}, what came is {condition}.
    {outcome} for {ret}, please approve, the parts are {condition}.
    """,
    held="""
    {ret} gets a {outcome}, the goods are {condition}.
    The customer of {ret} chose {outcome}, the box is {condition}.
    """,
    pick=lambda d: {
        "ret": d.returned("status = 'requested'"),
        "condition": d.choice(("intact", "used", "broken")),
        "outcome": d.choice(("refund", "exchange", "repair")),
    },
)
def approve_unarrived(s: Slots) -> Way:
    yield [call("approve_return", **{"return": s["ret"]}, outcome=s["outcome"])]
    yield [call("receive_return", **{"return": s["ret"]}, condition=s["condition"])]
    yield [call("approve_return", **{"return": s["ret"]}, outcome=s["outcome"])]


@family(
    "hold_renumbered_order",
    RETRY,
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
    pick=lambda d: {
        "order": d.order(
            "status = 'moved' AND EXISTS (SELECT 1 FROM orders n WHERE n.order_id = o.moved_to AND n.held = 0 "
            "AND n.status IN ('new', 'paid', 'packed'))"
        )
    },
)
def hold_renumbered_order(s: Slots) -> Way:
    first = yield [call("hold_order", order=s["order"])]
    order = first[0].remedy
    yield [call("hold_order", order=order)]
