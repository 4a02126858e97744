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
    Put the order behind {ticket} on hold.
    The order that {ticket} is about has to wait, hold it.
    Ticket {ticket}: pause its order.
    Do not ship the order of {ticket} yet, hold it.
    """,
    held="""
    Freeze the order that {ticket} concerns.
    Whatever order {ticket} is linked to, put a hold on it.
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
    yield f"{order} is on hold."


@family(
    "return_for_ticket",
    MULTI,
    log="""
    Open a return for the order of ticket {ticket}, it is {reason}.
    The order behind {ticket} comes back, {reason}.
    Ticket {ticket}: return its order, reason {reason}.
    Start a return of the order that {ticket} is about: {reason}.
    {ticket} wants to send the order back, {reason}.
    """,
    held="""
    The goods that {ticket} concerns are {reason}, set up a return.
    We take back the order of {ticket}, {reason}.
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
    opened = yield [call("open_return", order=shown[0].data["order"], reason=s["reason"])]
    yield f"Return {opened[0].data['return']} is open."


@family(
    "ticket_for_order",
    MULTI,
    log="""
    Open a ticket about {order}: "{subject}".
    The customer of {order} writes "{subject}", ticket please.
    Complaint on {order}: "{subject}".
    New ticket for order {order}, "{subject}".
    File "{subject}" as a ticket on {order}.
    """,
    held="""
    Log "{subject}" as a ticket concerning {order}.
    Trouble with {order}, "{subject}", take it down as a ticket.
    """,
    pick=lambda d: {"order": d.order(), "subject": d.subject()},
)
def ticket_for_order(s: Slots) -> Way:
    shown = yield [call("get_order", order=s["order"])]
    opened = yield [call("open_ticket", customer=shown[0].data["customer"], subject=s["subject"])]
    ticket = opened[0].data["ticket"]
    yield [call("link_order", ticket=ticket, order=s["order"])]
    yield f"Ticket {ticket} is open and linked to {s['order']}."


@family(
    "order_the_same_again",
    MULTI,
    log="""
    Order the same as {order} again.
    The customer of {order} wants the same once more.
    Repeat order {order}.
    Place {order} a second time.
    Please reorder {order}.
    """,
    held="""
    Once more what {order} had, for the same customer.
    Duplicate order {order} as a new one.
    """,
    pick=lambda d: {
        "order": d.order(
            "status != 'moved' AND (SELECT c.status FROM customers c WHERE c.customer = o.customer) = 'active'"
        )
    },
)
def order_the_same_again(s: Slots) -> Way:
    shown = yield [call("get_order", order=s["order"])]
    placed = yield [call("place_order", customer=shown[0].data["customer"], items=shown[0].data["items"])]
    yield f"Order {placed[0].data['order']} is placed."


@family(
    "bill_of_order_customer",
    MULTI,
    log="""
    Which invoices does the customer of {order} have unpaid?
    Is anything unpaid by the customer of {order}?
    Show unpaid invoices of whoever placed {order}.
    The customer of {order}: what is unpaid?
    Does the buyer of {order} owe us anything?
    """,
    held="""
    Any money still owed by the one behind {order}?
    Look for unpaid invoices of the person who ordered {order}.
    """,
    pick=lambda d: {"order": d.order()},
)
def bill_of_order_customer(s: Slots) -> Way:
    shown = yield [call("get_order", order=s["order"])]
    listed = yield [call("list_invoices", customer=shown[0].data["customer"], status="unpaid")]
    yield f"Invoices unpaid: {', '.join(listed[0].data['invoices']) or 'none'}."


@family(
    "track_order_of_invoice",
    MULTI,
    log="""
    Where is the order of invoice {invoice}?
    Track what {invoice} was for.
    {invoice}: where is its parcel?
    Find the parcel that {invoice} belongs to.
    The customer asks about the goods on {invoice}, where are they?
    """,
    held="""
    How far have the goods billed by {invoice} got?
    Locate the parcel behind {invoice}.
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
    tracked = yield [call("track_order", order=order)]
    yield f"{order} is in {tracked[0].data['place']} with {tracked[0].data['carrier']}."


@family(
    "return_arrived_and_settled",
    MULTI,
    log="""
    Return {ret} arrived {condition}, give a {outcome}.
    {ret} is here, {condition}; approve {outcome}.
    Book in {ret} as {condition} and grant {outcome}.
    {ret} came back {condition}, {outcome} please.
    Receive {ret}, {condition}, then {outcome}.
    """,
    held="""
    {ret} turned up {condition}, settle it with {outcome}.
    Goods of {ret} are back and {condition}: {outcome} it is.
    """,
    pick=lambda d: {
        "ret": d.returned("status = 'requested'"),
        "condition": d.choice(("intact", "used", "broken")),
        "outcome": d.choice(("refund", "exchange", "repair")),
    },
)
def return_arrived_and_settled(s: Slots) -> Way:
    yield [call("receive_return", return_id=s["ret"], condition=s["condition"])]
    yield [call("approve_return", return_id=s["ret"], outcome=s["outcome"])]
    yield f"{s['ret']} is approved for {s['outcome']}."


@family(
    "receive_and_reserve",
    MULTI,
    log="""
    {qty} {sku} arrived in {wh}, reserve {few} of them.
    Book {qty} {sku} into {wh} and keep {few} for me.
    Receive {qty} {sku} at {wh}, then set aside {few}.
    The {wh} warehouse got {qty} {sku}; {few} are to be reserved.
    Delivery of {qty} {sku} for {wh}, book it and reserve {few}.
    """,
    held="""
    {wh} took in {qty} {sku} today, earmark {few}.
    A truck brought {qty} {sku} to {wh}, hold back {few}.
    """,
    pick=lambda d: {"sku": d.sku(), "qty": d.number(10, 90), "few": d.number(2, 9), "wh": d.warehouse()},
)
def receive_and_reserve(s: Slots) -> Way:
    yield [call("receive_stock", sku=s["sku"], qty=s["qty"], warehouse=s["wh"])]
    kept = yield [call("reserve_stock", sku=s["sku"], qty=s["few"], warehouse=s["wh"])]
    yield f"Booked, and reserved under {kept[0].data['reservation']}."


@family(
    "merge_all_open",
    MULTI,
    log="""
    Merge all open tickets of {customer} into {keep}.
    {customer} has one problem, keep {keep} and merge the other open tickets.
    Everything open from {customer} belongs in {keep}.
    Fold the other open tickets of {customer} into {keep}.
    Keep only {keep} of the open tickets of {customer}, merge the rest.
    """,
    held="""
    Put whatever {customer} has open together with {keep}, which stays.
    {keep} takes in all that {customer} has open.
    """,
    pick=lambda d: {
        "customer": (
            customer := d.customer(
                "(SELECT count(*) FROM tickets t WHERE t.customer = c.customer AND t.status = 'open') BETWEEN 2 AND 4"
            )
        ),
        "keep": d.ticket(f"status = 'open' AND customer = '{customer}'"),
    },
)
def merge_all_open(s: Slots) -> Way:
    listed = yield [call("list_tickets", customer=s["customer"], status="open")]
    others = [ticket for ticket in listed[0].data["tickets"] if ticket != s["keep"]]
    yield [call("merge_tickets", keep=s["keep"], merge=others)]
    yield f"{', '.join(others)} merged into {s['keep']}."


@family(
    "order_with_note",
    MULTI,
    log="""
    Order {qty} {sku} for {customer} with the gift note "{text}".
    {customer} wants {qty} {sku} as a present, write "{text}".
    Place an order for {customer}: {qty} {sku}, gift note "{text}".
    Please order {qty} x {sku} for {customer} and put "{text}" on the card.
    New gift order, customer {customer}, {qty} {sku}, "{text}".
    """,
    held="""
    {customer} would like to buy {qty} {sku} as a gift, the card should say "{text}".
    Put in an order of {qty} {sku} for {customer} and slip in a note "{text}".
    """,
    pick=lambda d: {"customer": d.customer(), "sku": d.sku(), "qty": d.number(1, 20), "text": d.wish()},
)
def order_with_note(s: Slots) -> Way:
    placed = yield [call("place_order", customer=s["customer"], items=[{"sku": s["sku"], "qty": s["qty"]}])]
    order = placed[0].data["order"]
    yield [call("add_gift_note", order=order, text=s["text"])]
    yield f"Order {order} is placed with the gift note."
