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
    What is in {order}?
    What is the status of {order}?
    Whose order is {order}?
    Pull up {order} please.
    """,
    held="""
    Give me the details of order {order}.
    Open {order} for me.
    """,
    pick=_moved,
)
def show_renumbered_order(s: Slots) -> Way:
    first = yield [call("get_order", order=s["order"])]
    order = first[0].remedy
    shown = yield [call("get_order", order=order)]
    yield f"{order} is {shown[0].data['status']}, for {shown[0].data['customer']}."


@family(
    "cancel_shipped",
    RETRY,
    log="""
    Cancel {order}, it is {reason}.
    Please cancel order {order}, reason {reason}.
    {order} is {reason}, cancel it.
    The customer says {order} is {reason}. Cancel that order.
    Cancel order {order} as {reason}.
    """,
    held="""
    Call off {order}, {reason}.
    Please stop {order} for good and cancel, {reason}.
    """,
    pick=lambda d: {"order": d.order(GONE), "reason": d.reason()},
)
def cancel_shipped(s: Slots) -> Way:
    yield [call("cancel_order", order=s["order"], reason=s["reason"])]
    opened = yield [call("open_return", order=s["order"], reason=s["reason"])]
    yield f"Too late to cancel; return {opened[0].data['return']} is open."


@family(
    "return_unshipped",
    RETRY,
    log="""
    Open a return for {order}, it is {reason}.
    Return order {order}, reason {reason}.
    The customer sends {order} back, {reason}.
    Start a return of {order}: {reason}.
    {order} comes back, it is {reason}.
    """,
    held="""
    Set up a return for {order} because it is {reason}.
    We take {order} back, {reason}.
    """,
    pick=lambda d: {"order": d.order(OPEN), "reason": d.reason()},
)
def return_unshipped(s: Slots) -> Way:
    yield [call("open_return", order=s["order"], reason=s["reason"])]
    yield [call("cancel_order", order=s["order"], reason=s["reason"])]
    yield f"{s['order']} had not left, it is cancelled."


@family(
    "ship_held",
    RETRY,
    log="""
    Ship {order} with {carrier}.
    Send {order} by {carrier}.
    {order} goes out with {carrier}.
    Hand order {order} to {carrier}.
    {order} is ready, {carrier} takes it.
    """,
    held="""
    Dispatch {order} via {carrier}.
    Give {order} to {carrier} for shipping.
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
    yield f"{s['order']} was on hold, now it is on its way with {s['carrier']}."


@family(
    "deliver_on_full_day",
    RETRY,
    log="""
    Deliver {order} on {day}.
    {order} should come on {day}.
    Set the delivery of {order} to {day}.
    Change delivery day of {order}: {day}.
    The customer wants {order} on {day}.
    """,
    held="""
    Please bring {order} on {day}.
    Plan {order} for {day}.
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
    yield f"{s['day'].title()} is full, {s['order']} comes on {day}."


@family(
    "order_sold_out",
    RETRY,
    log="""
    Order {qty} {sku} for {customer}.
    {customer} wants {qty} {sku}.
    Place an order for {customer}: {qty} {sku}.
    Please order {qty} x {sku} for {customer}.
    New order, customer {customer}, {qty} {sku}.
    """,
    held="""
    {customer} would like to buy {qty} {sku}.
    Put in an order of {qty} {sku} for {customer}.
    """,
    pick=lambda d: {"customer": d.customer(), "sku": d.sku("successor IS NOT NULL"), "qty": d.number(1, 20)},
)
def order_sold_out(s: Slots) -> Way:
    first = yield [call("place_order", customer=s["customer"], items=[{"sku": s["sku"], "qty": s["qty"]}])]
    items = [{"sku": first[0].remedy, "qty": s["qty"]}]
    placed = yield [call("place_order", customer=s["customer"], items=items)]
    yield f"{s['sku']} is sold out, order {placed[0].data['order']} has {items[0]['sku']}."


@family(
    "add_sold_out_item",
    RETRY,
    log="""
    Add {qty} {sku} to {order}.
    Put {qty} more {sku} into order {order}.
    {order} should also have {qty} {sku}.
    Please add {qty} x {sku} to {order}.
    The customer wants {qty} {sku} on top in {order}.
    """,
    held="""
    Include {qty} {sku} in {order} too.
    Extend {order} by {qty} {sku}.
    """,
    pick=lambda d: {"order": d.order(OPEN), "sku": d.sku("successor IS NOT NULL"), "qty": d.number(1, 20)},
)
def add_sold_out_item(s: Slots) -> Way:
    first = yield [call("add_item", order=s["order"], item={"sku": s["sku"], "qty": s["qty"]})]
    other = first[0].remedy
    yield [call("add_item", order=s["order"], item={"sku": other, "qty": s["qty"]})]
    yield f"{s['sku']} is sold out, {s['qty']} {other} added instead."


@family(
    "quantity_of_missing_item",
    RETRY,
    log="""
    Change {sku} in {order} to {qty}.
    {order} should have {qty} {sku} instead.
    Set the quantity of {sku} in {order} to {qty}.
    Make it {qty} {sku} in order {order}.
    In {order}, {sku}: quantity {qty} please.
    """,
    held="""
    Correct the number of {sku} in {order} to {qty}.
    Adjust {order}: {sku} times {qty}.
    """,
    pick=lambda d: {
        "order": (order := d.order(OPEN)),
        "sku": d.choice(
            d.query(
                "SELECT sku FROM products WHERE sold = 1 AND sku NOT IN (SELECT sku FROM items WHERE order_id = ?) "
                "ORDER BY 1",
                order,
            )
        ),
        "qty": d.number(2, 30),
    },
)
def quantity_of_missing_item(s: Slots) -> Way:
    yield [call("set_quantity", order=s["order"], sku=s["sku"], qty=s["qty"])]
    yield [call("add_item", order=s["order"], item={"sku": s["sku"], "qty": s["qty"]})]
    yield f"{s['qty']} {s['sku']} added to {s['order']}."


@family(
    "approve_unarrived",
    RETRY,
    log="""
    Approve {ret} with {outcome}, it came {condition}.
    {ret} gets a {outcome}, the goods are {condition}.
    Decide on return {ret}: {outcome}, goods {condition}.
    The customer of {ret} chose {outcome}, the box is {condition}.
    Return {ret} is fine, {outcome} please, it looks {condition}.
    """,
    held="""
    Grant {ret} the {outcome}, what came is {condition}.
    {outcome} for {ret}, please approve, the parts are {condition}.
    """,
    pick=lambda d: {
        "ret": d.returned("status = 'requested'"),
        "condition": d.choice(("intact", "used", "broken")),
        "outcome": d.choice(("refund", "exchange", "repair")),
    },
)
def approve_unarrived(s: Slots) -> Way:
    yield [call("approve_return", return_id=s["ret"], outcome=s["outcome"])]
    yield [call("receive_return", return_id=s["ret"], condition=s["condition"])]
    yield [call("approve_return", return_id=s["ret"], outcome=s["outcome"])]
    yield f"{s['ret']} is booked in and approved for {s['outcome']}."


@family(
    "hold_renumbered_order",
    RETRY,
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
    yield f"{order} is on hold."
