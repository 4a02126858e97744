"""What is done next follows from a result, by a rule of the house that only the logs tell."""

from __future__ import annotations

from toolft_pipeline.evaluation.task import Category
from toolft_pipeline.helpdesk.families.where import GONE, OPEN
from toolft_pipeline.helpdesk.family import Slots, Way, call, family

MULTI = Category.MULTI_STEP
OUTCOMES = {"intact": "refund", "used": "exchange", "broken": "repair"}
"""What becomes of a return in each condition."""
PRIORITIES = {"gold": "high", "silver": "normal", "basic": "low"}
DISCOUNTS = {"gold": 20, "silver": 10, "basic": 5}
CHANNELS = {"gold": "letter", "silver": "email", "basic": "sms"}
"""How customers of each tier are reminded."""


@family(
    "stop_order",
    MULTI,
    log="""
    The customer does not want {order} any more, it is {reason}.
    Get {order} undone, {reason}.
    {order} is {reason}, take it back or cancel it.
    Cancel or return {order}, whatever fits, {reason}.
    Undo order {order}, reason {reason}.
    """,
    held="""
    {order} has to be reversed, {reason}.
    Whichever way works, rid the customer of {order}, {reason}.
    """,
    pick=lambda d: {"order": d.order(d.choice((OPEN, GONE))), "reason": d.reason()},
)
def stop_order(s: Slots) -> Way:
    shown = yield [call("get_order", order=s["order"])]
    if shown[0].data["status"] in ("shipped", "delivered"):
        opened = yield [call("open_return", order=s["order"], reason=s["reason"])]
        yield f"Return {opened[0].data['return']} is open for {s['order']}."
    else:
        yield [call("cancel_order", order=s["order"], reason=s["reason"])]
        yield f"Order {s['order']} is cancelled."


@family(
    "undo_invoice",
    MULTI,
    log="""
    Undo invoice {invoice}.
    {invoice} was wrong, undo it the right way.
    Refund or void {invoice}, whichever fits.
    The customer should not have to pay {invoice}, sort it out.
    Take back {invoice}, paid or not.
    """,
    held="""
    {invoice} has to be reversed, one way or the other.
    Whichever way works, get rid of {invoice}.
    """,
    pick=lambda d: {"invoice": d.invoice("status IN ('paid', 'unpaid')")},
)
def undo_invoice(s: Slots) -> Way:
    shown = yield [call("get_invoice", invoice=s["invoice"])]
    if shown[0].data["status"] == "paid":
        yield [call("refund_invoice", invoice=s["invoice"])]
        yield f"{s['invoice']} is refunded."
    else:
        yield [call("void_invoice", invoice=s["invoice"])]
        yield f"{s['invoice']} is void."


@family(
    "decide_return",
    MULTI,
    log="""
    Decide on return {ret} by its condition.
    Settle {ret} by the house rule.
    What happens with return {ret}? Decide by the rule.
    Return {ret} waits for a decision, go by its condition.
    Process {ret} as we always do.
    """,
    held="""
    Deal with {ret} according to the rule.
    {ret} is waiting, judge it by its condition.
    """,
    pick=lambda d: {"ret": d.returned("status = 'received'")},
)
def decide_return(s: Slots) -> Way:
    """House rule: intact is refunded, used is exchanged, broken is repaired."""
    shown = yield [call("get_return", return_id=s["ret"])]
    outcome = OUTCOMES[shown[0].data["condition"]]
    yield [call("approve_return", return_id=s["ret"], outcome=outcome)]
    yield f"{s['ret']} is approved for {outcome}."


@family(
    "ticket_by_tier",
    MULTI,
    log="""
    Open a ticket for {customer}, priority by tier: "{subject}".
    {customer} writes "{subject}", ticket with the priority of the tier.
    "{subject}", says {customer}. Ticket, priority as the tier asks.
    New ticket of {customer}, "{subject}", mind the tier.
    File "{subject}" for {customer} with the tier's priority.
    """,
    held="""
    Log "{subject}" for {customer}, the priority follows the tier.
    By tier, please: a ticket of {customer}, "{subject}".
    """,
    pick=lambda d: {"customer": d.customer(), "subject": d.subject()},
)
def ticket_by_tier(s: Slots) -> Way:
    """House rule: gold is high, silver is normal, basic is low."""
    shown = yield [call("get_customer", customer=s["customer"])]
    priority = PRIORITIES[shown[0].data["tier"]]
    opened = yield [call("open_ticket", customer=s["customer"], subject=s["subject"], priority=priority)]
    yield f"Ticket {opened[0].data['ticket']} is open with {priority} priority."


@family(
    "largest_discount",
    MULTI,
    log="""
    Give {customer} the largest discount on {invoice}.
    {invoice} of {customer} gets as much discount as the tier allows.
    Highest discount for {customer} on {invoice}.
    Apply the tier discount of {customer} to {invoice}.
    Discount {invoice} by what the tier of {customer} allows.
    """,
    held="""
    As cheap as the tier of {customer} permits, please, {invoice}.
    Grant {customer} the full tier discount on {invoice}.
    """,
    pick=lambda d: {
        "invoice": (row := d.row("SELECT invoice, customer FROM invoices WHERE status = 'unpaid' ORDER BY 1"))[
            "invoice"
        ],
        "customer": row["customer"],
    },
)
def largest_discount(s: Slots) -> Way:
    """House rule: gold gets 20, silver 10, basic 5 percent."""
    shown = yield [call("get_customer", customer=s["customer"])]
    percent = DISCOUNTS[shown[0].data["tier"]]
    yield [call("apply_discount", invoice=s["invoice"], percent=percent)]
    yield f"{percent} percent off {s['invoice']}."


@family(
    "remind_by_tier",
    MULTI,
    log="""
    Remind {customer} of {invoice} the usual way.
    {invoice} is late, remind {customer} as the tier asks.
    Send {customer} the usual reminder for {invoice}.
    Reminder on {invoice} to {customer}, channel by tier.
    Ask {customer} for the money of {invoice} in the usual way.
    """,
    held="""
    Nudge {customer} about {invoice} the way we do for the tier.
    {customer} has not paid {invoice}, the usual reminder please.
    """,
    pick=lambda d: {
        "invoice": (row := d.row("SELECT invoice, customer FROM invoices WHERE status = 'unpaid' ORDER BY 1"))[
            "invoice"
        ],
        "customer": row["customer"],
    },
)
def remind_by_tier(s: Slots) -> Way:
    """House rule: gold by letter, silver by email, basic by sms."""
    shown = yield [call("get_customer", customer=s["customer"])]
    channel = CHANNELS[shown[0].data["tier"]]
    yield [call("send_reminder", invoice=s["invoice"], channel=channel)]
    yield f"A reminder of {s['invoice']} went out by {channel}."


@family(
    "next_step",
    MULTI,
    log="""
    Take {order} one step further.
    Do the next step for {order}.
    What is next for {order}? Do it.
    Move {order} along.
    Advance order {order}.
    """,
    held="""
    Carry {order} to its next stage.
    {order} should make progress, please see to it.
    """,
    pick=lambda d: {
        "order": d.order(
            "status IN ('new', 'packed') AND held = 0 AND NOT EXISTS "
            "(SELECT 1 FROM invoices i WHERE i.order_id = o.order_id) OR status = 'delivered' AND NOT EXISTS "
            "(SELECT 1 FROM invoices i WHERE i.order_id = o.order_id)"
        )
    },
)
def next_step(s: Slots) -> Way:
    """House rule: a new order is held, a packed one goes out with dhl, a delivered one is billed with 50."""
    shown = yield [call("get_order", order=s["order"])]
    status = shown[0].data["status"]
    if status == "packed":
        yield [call("ship_order", order=s["order"], carrier="dhl")]
        yield f"{s['order']} is on its way with dhl."
    elif status == "delivered":
        yield [call("create_invoice", order=s["order"], amount=50)]
        yield f"{s['order']} is billed."
    else:
        yield [call("hold_order", order=s["order"])]
        yield f"{s['order']} is on hold."
