"""The first call on stock or an invoice fails, the refusal says what to do, and the second way works."""

from __future__ import annotations

from toolft_pipeline.evaluation.task import Category
from toolft_pipeline.helpdesk.family import Slots, Way, call, family

RETRY = Category.ERROR_THEN_RETRY


@family(
    "move_more_than_there_is",
    RETRY,
    log="""
    Move {qty} {sku} from {source} to {target}.
    {target} needs {qty} {sku} from {source}.
    Shift {qty} {sku}, {source} to {target}.
    Take {qty} {sku} out of {source} and put them in {target}.
    Bring {qty} {sku} to {target} from {source}.
    """,
    held="""
    Transfer {qty} {sku} from {source} to {target}.
    Send {qty} {sku} from {source} over to {target}.
    """,
    pick=lambda d: {
        "sku": (row := d.row("SELECT sku, warehouse, qty FROM stock WHERE qty > 0 ORDER BY 1, 2"))["sku"],
        "source": row["warehouse"],
        "qty": row["qty"] + d.number(1, 30),
        "target": d.choice([w for w in ("north", "south", "east", "west") if w != row["warehouse"]]),
    },
)
def move_more_than_there_is(s: Slots) -> Way:
    first = yield [call("move_stock", sku=s["sku"], qty=s["qty"], source=s["source"], target=s["target"])]
    qty = int(first[0].remedy.removeprefix("qty "))
    yield [call("move_stock", sku=s["sku"], qty=qty, source=s["source"], target=s["target"])]


@family(
    "reserve_elsewhere",
    RETRY,
    log="""
    Reserve {qty} {sku} in {wh}.
    Set aside {qty} {sku} at {wh}.
    Make a reservation of {qty} {sku} in {wh}.
    Hold back {qty} {sku} at {wh}.
    Earmark {qty} {sku} in {wh}.
    """,
    held="""
    Keep {qty} {sku} in {wh} for me.
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
    "too_large_discount",
    RETRY,
    log="""
    Give {percent} percent off {invoice}.
    {invoice} gets {percent} percent discount.
    Discount {invoice} by {percent} percent.
    Knock {percent} percent off {invoice}.
    Grant {percent} percent on {invoice}.
    """,
    held="""
    Apply a discount of {percent} percent to {invoice}.
    Take {percent} percent off invoice {invoice}.
    """,
    pick=lambda d: {"invoice": d.invoice(), "percent": d.number(21, 50)},
)
def too_large_discount(s: Slots) -> Way:
    first = yield [call("apply_discount", invoice=s["invoice"], percent=s["percent"])]
    percent = int(first[0].remedy)
    yield [call("apply_discount", invoice=s["invoice"], percent=percent)]


@family(
    "paid_too_much",
    RETRY,
    log="""
    {amount} euros came in for {invoice} by {method}.
    The customer paid {amount} of {invoice} by {method}.
    Payment for {invoice}: {amount}, {method}.
    We got {amount} for {invoice}, {method}.
    {invoice} received {amount} through {method}.
    """,
    held="""
    Book {amount} on {invoice}, {method}.
    Record a {method} payment of {amount} on {invoice}.
    """,
    pick=lambda d: {
        "invoice": (row := d.row("SELECT invoice, amount FROM invoices WHERE status = 'unpaid' ORDER BY 1"))["invoice"],
        "amount": row["amount"] + d.number(1, 20) * 5,
        "method": d.choice(("card", "cash", "transfer")),
    },
)
def paid_too_much(s: Slots) -> Way:
    first = yield [call("record_payment", invoice=s["invoice"], amount=s["amount"], method=s["method"])]
    amount = int(first[0].remedy.removeprefix("amount "))
    yield [call("record_payment", invoice=s["invoice"], amount=amount, method=s["method"])]


@family(
    "refund_unpaid",
    RETRY,
    log="""
    Refund {invoice}.
    The customer gets the money of {invoice} back.
    Return the money for {invoice}.
    Reimburse {invoice}.
    {invoice} should be paid back in full.
    """,
    held="""
    Pay {invoice} back.
    Please refund invoice {invoice}.
    """,
    pick=lambda d: {"invoice": d.invoice()},
)
def refund_unpaid(s: Slots) -> Way:
    yield [call("refund_invoice", invoice=s["invoice"])]
    yield [call("void_invoice", invoice=s["invoice"])]


@family(
    "void_paid",
    RETRY,
    log="""
    Void {invoice}.
    {invoice} was sent by mistake, void it.
    Strike invoice {invoice}, nobody has to pay it.
    Declare {invoice} void.
    Nullify invoice {invoice}.
    """,
    held="""
    Make invoice {invoice} void.
    Annul {invoice}.
    """,
    pick=lambda d: {"invoice": d.invoice("status = 'paid'")},
)
def void_paid(s: Slots) -> Way:
    yield [call("void_invoice", invoice=s["invoice"])]
    yield [call("refund_invoice", invoice=s["invoice"])]
