"""One record leads to another: the id to act on stands in a result."""

from __future__ import annotations

from toolft_pipeline.evaluation.task import Category
from toolft_pipeline.helpdesk.family import Slots, Way, call, family

MULTI = Category.MULTI_STEP


@family(
    "hold_order_of_ticket",
    MULTI,
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
    pick=lambda d: {
        "ticket": d.choice(
            d.query(
                "SELECT ticket FROM tickets t JOIN orders o USING (order_id) WHERE t.status = 'open' "
                "AND o.status IN ('new', 'paid', 'packed') AND held = 0 ORDER BY 1"
            )
        )
    },
)
def hold_order_of_ticket(s: Slots) -> Way:
    shown = yield [call("get_ticket", ticket=s["ticket"])]
    order = shown[0].data["order"]
    yield [call("hold_order", order=order)]


@family(
    "return_for_ticket",
    MULTI,
    log="""
    Open a return for the order of ticket {ticket}, it is {reason}.
    Ticket {ticket}: return its order, reason {reason}.
    {ticket} wants to send the order back, {reason}.
    The goods that {ticket} concerns are {reason}, set up a return.
    We take back the order of {ticket}, {reason}.
    """,
    held="""
    The order behind {ticket} comes back, {reason}.
    Start a return of the order that {ticket} is about: {reason}.
    """,
    pick=lambda d: {
        "ticket": d.choice(
            d.query(
                "SELECT ticket FROM tickets t JOIN orders o USING (order_id) WHERE t.status = 'open' "
                "AND o.status IN ('shipped', 'delivered') ORDER BY 1"
            )
        ),
        "reason": d.reason(),
    },
)
def return_for_ticket(s: Slots) -> Way:
    shown = yield [call("get_ticket", ticket=s["ticket"])]
    yield [call("open_return", order=shown[0].data["order"], reason=s["reason"])]


@family(
    "ticket_for_order",
    MULTI,
    log="""
    Open a ticket about {order}: "{subject}".
    Complaint on {order}: "{subject}".
    File "{subject}" as a ticket on {order}.
    Log "{subject}" as a ticket concerning {order}.
    Trouble with {order}, "{subject}", take it down as a ticket.
    """,
    held="""
    The customer of {order} writes "{subject}", ticket please.
    New ticket for order {order}, "{subject}".
    """,
    pick=lambda d: {"order": d.order(), "subject": d.subject()},
)
def ticket_for_order(s: Slots) -> Way:
    shown = yield [call("get_order", order=s["order"])]
    yield [call("open_ticket", customer=shown[0].data["customer"], subject=s["subject"])]


@family(
    "order_the_same_again",
    MULTI,
    log="""
    Order the same as {order} again.
    Repeat order {order}.
    Please reorder {order}.
    Once more what {order} had, for the same customer.
    Duplicate order {order} as a new one.
    """,
    held="""
    The customer of {order} wants the same once more.
    Place {order} a second time.
    """,
    pick=lambda d: {
        "order": d.order(
            "status != 'moved' AND (SELECT c.status FROM customers c WHERE c.customer = o.customer) = 'active'"
        )
    },
)
def order_the_same_again(s: Slots) -> Way:
    shown = yield [call("get_order", order=s["order"])]
    yield [call("place_order", customer=shown[0].data["customer"], items=shown[0].data["items"])]


@family(
    "bill_of_order_customer",
    MULTI,
    log="""
    Which invoices does the customer of {order} have unpaid?
    Show unpaid invoices of whoever placed {order}.
    Does the buyer of {order} owe us anything?
    Any money still owed by the one behind {order}?
    Look for unpaid invoices of the person who ordered {order}.
    """,
    held="""
    Is anything unpaid by the customer of {order}?
    The customer of {order}: what is unpaid?
    """,
    pick=lambda d: {"order": d.order()},
)
def bill_of_order_customer(s: Slots) -> Way:
    shown = yield [call("get_order", order=s["order"])]
    yield [call("list_invoices", customer=shown[0].data["customer"], status="unpaid")]


@family(
    "track_order_of_invoice",
    MULTI,
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
    pick=lambda d: {
        "invoice": d.choice(
            d.query(
                "SELECT invoice FROM invoices i JOIN orders o USING (order_id) "
                "WHERE o.status IN ('shipped', 'delivered') ORDER BY 1"
            )
        )
    },
)
def track_order_of_invoice(s: Slots) -> Way:
    shown = yield [call("get_invoice", invoice=s["invoice"])]
    order = shown[0].data["order"]
    yield [call("track_order", order=order)]


@family(
    "return_arrived_and_settled",
    MULTI,
    log="""
    Return {ret} arrived {condition}, give a {outcome}.
    Book in {ret} as {condition} and grant {outcome}.
    Receive {ret}, {condition}, then {outcome}.
    {ret} turned up {condition}, settle it with {outcome}.
    Goods of {ret} are back and {condition}: {outcome} it is.
    """,
    held="""
    {ret} is here, {condition}; approve {outcome}.
    {ret} came back {condition}, {outcome} please.
    """,
    pick=lambda d: {
        "ret": d.returned("status = 'requested'"),
        "condition": d.choice(("intact", "used", "broken")),
        "outcome": d.choice(("refund", "exchange", "repair")),
    },
)
def return_arrived_and_settled(s: Slots) -> Way:
    yield [call("receive_return", **{"return": s["ret"]}, condition=s["condition"])]
    yield [call("approve_return", **{"return": s["ret"]}, outcome=s["outcome"])]


@family(
    "receive_and_reserve",
    MULTI,
    log="""
    {qty} {sku} arrived in {wh}, reserve {few} of them.
    Receive {qty} {sku} at {wh}, then set aside {few}.
    Delivery of {qty} {sku} for {wh}, book it and reserve {few}.
    {wh} took in {qty} {sku} today, earmark {few}.
    A truck brought {qty} {sku} to {wh}, hold back {few}.
    """,
    held="""
    Book {qty} {sku} into {wh} and keep {few} for me.
    The {wh} warehouse got {qty} {sku}; {few} are to be reserved.
    """,
    pick=lambda d: {"sku": d.sku(), "qty": d.number(10, 90), "few": d.number(2, 9), "wh": d.warehouse()},
)
def receive_and_reserve(s: Slots) -> Way:
    yield [call("receive_stock", sku=s["sku"], qty=s["qty"], warehouse=s["wh"])]
    yield [call("reserve_stock", sku=s["sku"], qty=s["few"], warehouse=s["wh"])]
