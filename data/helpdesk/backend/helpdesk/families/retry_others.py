"""The first call on stock, an invoice or a ticket fails, the refusal says what to do, and the second way works."""

from __future__ import annotations

from helpdesk.family import Slots, Way, call, family
from toolft_pipeline.trajectories.category import Category

RETRY = Category.ERROR_THEN_RETRY


@family(
    "reserve_elsewhere",
    RETRY,
    log="""
    Reserve {qty} {sku} in {wh}.
    Set aside {qty} {sku} at {wh}.
    Make a reservation of {qty} {sku} in {wh}.
    {wh} should reserve {qty} {sku}.
    Hold back {qty} {sku} at {wh}.
    Earmark {qty} {sku} in {wh}.
    Keep {qty} {sku} in {wh} for me.
    Can you reserve {qty} {sku} at {wh}?
    In {wh}, reserve {qty} {sku}.
    Please set {qty} {sku} aside in {wh}.
    We need {qty} {sku} reserved in {wh}.
    Reserve {qty} x {sku} in the {wh} warehouse.
    """,
    held="""
    Reserve {qty} of {sku} at {wh} for me.
    Please reserve {qty} x {sku}, warehouse {wh}.
    """,
    pick=lambda d: {
        "sku": (
            row := d.row(
                "SELECT sku, warehouse FROM stock s WHERE qty = 0 AND EXISTS "
                "(SELECT 1 FROM stock t WHERE t.sku = s.sku AND t.qty >= 8) ORDER BY 1, 2"
            )
        )["sku"],
        "wh": row["warehouse"],
        "qty": d.number(2, 8),
    },
)
def reserve_elsewhere(s: Slots) -> Way:
    first = yield [call("reserve_stock", sku=s["sku"], qty=s["qty"], warehouse=s["wh"])]
    other = first[0].remedy
    yield [call("reserve_stock", sku=s["sku"], qty=s["qty"], warehouse=other)]


@family(
    "void_paid",
    RETRY,
    log="""
    Void {invoice}.
    {invoice} was sent by mistake, void it.
    Declare {invoice} void.
    Strike invoice {invoice}, make it void.
    Strike invoice {invoice}, nobody has to pay it.
    Nullify invoice {invoice}.
    Annul {invoice}.
    Can you void {invoice}?
    Invoice {invoice} must be void.
    {invoice} is wrong, void it.
    Please make {invoice} void.
    Set {invoice} to void.
    """,
    held="""
    Make invoice {invoice} void.
    Please void {invoice}, nobody has to pay it.
    """,
    pick=lambda d: {"invoice": d.invoice("status = 'paid'")},
)
def void_paid(s: Slots) -> Way:
    yield [call("void_invoice", invoice=s["invoice"])]
    yield [call("refund_invoice", invoice=s["invoice"])]


@family(
    "assign_to_absent",
    RETRY,
    log="""
    Assign {ticket} to {agent}.
    {agent} takes ticket {ticket}.
    Let {agent} look after {ticket}.
    Hand {ticket} over to {agent}.
    Pass ticket {ticket} on to {agent}.
    Give {ticket} to {agent}.
    {ticket} is for {agent}.
    Can you assign {ticket} to {agent}?
    Ticket {ticket} should go to {agent}.
    {agent} will take {ticket}.
    {agent} gets {ticket}.
    Please hand ticket {ticket} to {agent}.
    Assign ticket {ticket}, {agent} takes it.
    """,
    held="""
    Please assign ticket {ticket} to {agent}.
    {ticket} goes to {agent}.
    """,
    pick=lambda d: {"ticket": d.ticket(), "agent": d.agent(present=False)},
)
def assign_to_absent(s: Slots) -> Way:
    first = yield [call("assign_ticket", ticket=s["ticket"], agent=s["agent"])]
    stand_in = first[0].remedy
    yield [call("assign_ticket", ticket=s["ticket"], agent=stand_in)]
