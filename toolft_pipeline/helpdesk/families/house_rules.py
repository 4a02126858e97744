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
    {order} is {reason}, take it back or cancel it.
    Undo order {order}, reason {reason}.
    {order} has to be reversed, {reason}.
    Whichever way works, rid the customer of {order}, {reason}.
    """,
    held="""
    Get {order} undone, {reason}.
    Cancel or return {order}, whatever fits, {reason}.
    """,
    pick=lambda d: {"order": d.order(d.choice((OPEN, GONE))), "reason": d.reason()},
)
def stop_order(s: Slots) -> Way:
    shown = yield [call("get_order", order=s["order"])]
    if shown[0].data["status"] in ("shipped", "delivered"):
        yield [call("open_return", order=s["order"], reason=s["reason"])]
    else:
        yield [call("cancel_order", order=s["order"], reason=s["reason"])]


@family(
    "undo_invoice",
    MULTI,
    log="""
    Undo invoice {invoice}.
    Refund or void {invoice}, whichever fits.
    Take back {invoice}, paid or not.
    {invoice} has to be reversed, one way or the other.
    Whichever way works, get rid of {invoice}.
    """,
    held="""
    {invoice} was wrong, undo it the right way.
    The customer should not have to pay {invoice}, sort it out.
    """,
    pick=lambda d: {"invoice": d.invoice("status IN ('paid', 'unpaid')")},
)
def undo_invoice(s: Slots) -> Way:
    shown = yield [call("get_invoice", invoice=s["invoice"])]
    if shown[0].data["status"] == "paid":
        yield [call("refund_invoice", invoice=s["invoice"])]
    else:
        yield [call("void_invoice", invoice=s["invoice"])]


@family(
    "decide_return",
    MULTI,
    log="""
    Decide on return {ret} by its condition.
    What happens with return {ret}? Decide by the rule.
    Process {ret} as we always do.
    Deal with {ret} according to the rule.
    {ret} is waiting, judge it by its condition.
    """,
    held="""
    Settle {ret} by the house rule.
    Return {ret} waits for a decision, go by its condition.
    """,
    pick=lambda d: {"ret": d.returned("status = 'received'")},
)
def decide_return(s: Slots) -> Way:
    """House rule: intact is refunded, used is exchanged, broken is repaired."""
    shown = yield [call("get_return", **{"return": s["ret"]})]
    outcome = OUTCOMES[shown[0].data["condition"]]
    yield [call("approve_return", **{"return": s["ret"]}, outcome=outcome)]


@family(
    "ticket_by_tier",
    MULTI,
    log="""
    Open a ticket for {customer}, priority by tier: "{subject}".
    "{subject}", says {customer}. Ticket, priority as the tier asks.
    File "{subject}" for {customer} with the tier's priority.
    Log "{subject}" for {customer}, the priority follows the tier.
    By tier, please: a ticket of {customer}, "{subject}".
    """,
    held="""
    {customer} writes "{subject}", ticket with the priority of the tier.
    New ticket of {customer}, "{subject}", mind the tier.
    """,
    pick=lambda d: {"customer": d.customer(), "subject": d.subject()},
)
def ticket_by_tier(s: Slots) -> Way:
    """House rule: gold is high, silver is normal, basic is low."""
    shown = yield [call("get_customer", customer=s["customer"])]
    priority = PRIORITIES[shown[0].data["tier"]]
    yield [call("open_ticket", customer=s["customer"], subject=s["subject"], priority=priority)]


@family(
    "largest_discount",
    MULTI,
    log="""
    Give {customer} the largest discount on {invoice}.
    Highest discount for {customer} on {invoice}.
    Discount {invoice} by what the tier of {customer} allows.
    As cheap as the tier of {customer} permits, please, {invoice}.
    Grant {customer} the full tier discount on {invoice}.
    """,
    held="""
    {invoice} of {customer} gets as much discount as the tier allows.
    Apply the tier discount of {customer} to {invoice}.
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


@family(
    "remind_by_tier",
    MULTI,
    log="""
    Remind {customer} of {invoice} the usual way.
    Send {customer} the usual reminder for {invoice}.
    Ask {customer} for the money of {invoice} in the usual way.
    Nudge {customer} about {invoice} the way we do for the tier.
    {customer} has not paid {invoice}, the usual reminder please.
    """,
    held="""
    {invoice} is late, remind {customer} as the tier asks.
    Reminder on {invoice} to {customer}, channel by tier.
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


@family(
    "next_step",
    MULTI,
    log="""
    Take {order} one step further.
    What is next for {order}? Do it.
    Advance order {order}.
    Carry {order} to its next stage.
    {order} should make progress, please see to it.
    """,
    held="""
    Do the next step for {order}.
    Move {order} along.
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
    elif status == "delivered":
        yield [call("create_invoice", order=s["order"], amount=50)]
    else:
        yield [call("hold_order", order=s["order"])]
