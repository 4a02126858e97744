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
    Transfer {qty} {sku} from {source} to {target}.
    {target} needs {qty} {sku} from {source}.
    Send {qty} {sku} from {source} over to {target}.
    Shift {qty} {sku}, {source} to {target}.
    """,
    held="""
    Take {qty} {sku} out of {source} and put them in {target}.
    Bring {qty} {sku} to {target} from {source}.
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
    yield f"Only {qty} {s['sku']} moved to {s['target']}, there were no more."


@family(
    "reserve_elsewhere",
    RETRY,
    log="""
    Reserve {qty} {sku} in {wh}.
    Keep {qty} {sku} in {wh} for me.
    Set aside {qty} {sku} at {wh}.
    Please reserve {qty} x {sku}, warehouse {wh}.
    Make a reservation of {qty} {sku} in {wh}.
    """,
    held="""
    Hold back {qty} {sku} at {wh}.
    Earmark {qty} {sku} in {wh}.
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
    kept = yield [call("reserve_stock", sku=s["sku"], qty=s["qty"], warehouse=other)]
    yield f"None in {s['wh']}; reserved in {other} under {kept[0].data['reservation']}."


@family(
    "too_large_discount",
    RETRY,
    log="""
    Give {percent} percent off {invoice}.
    Apply a discount of {percent} percent to {invoice}.
    {invoice} gets {percent} percent discount.
    Take {percent} percent off invoice {invoice}.
    Discount {invoice} by {percent} percent.
    """,
    held="""
    Knock {percent} percent off {invoice}.
    Grant {percent} percent on {invoice}.
    """,
    pick=lambda d: {"invoice": d.invoice(), "percent": d.number(21, 50)},
)
def too_large_discount(s: Slots) -> Way:
    first = yield [call("apply_discount", invoice=s["invoice"], percent=s["percent"])]
    percent = int(first[0].remedy)
    yield [call("apply_discount", invoice=s["invoice"], percent=percent)]
    yield f"Only {percent} percent are allowed, {s['invoice']} has them."


@family(
    "paid_too_much",
    RETRY,
    log="""
    {amount} euros came in for {invoice} by {method}.
    Book {amount} on {invoice}, {method}.
    The customer paid {amount} of {invoice} by {method}.
    Record a {method} payment of {amount} on {invoice}.
    Payment for {invoice}: {amount}, {method}.
    """,
    held="""
    We got {amount} for {invoice}, {method}.
    {invoice} received {amount} through {method}.
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
    yield f"{amount} euros booked on {s['invoice']}, the rest was too much."


@family(
    "refund_unpaid",
    RETRY,
    log="""
    Refund {invoice}.
    Pay {invoice} back.
    The customer gets the money of {invoice} back.
    Please refund invoice {invoice}.
    Return the money for {invoice}.
    """,
    held="""
    Reimburse {invoice}.
    {invoice} should be paid back in full.
    """,
    pick=lambda d: {"invoice": d.invoice()},
)
def refund_unpaid(s: Slots) -> Way:
    yield [call("refund_invoice", invoice=s["invoice"])]
    yield [call("void_invoice", invoice=s["invoice"])]
    yield f"{s['invoice']} was never paid, it is void now."


@family(
    "void_paid",
    RETRY,
    log="""
    Void {invoice}.
    Make invoice {invoice} void.
    {invoice} was sent by mistake, void it.
    Annul {invoice}.
    Strike invoice {invoice}, nobody has to pay it.
    """,
    held="""
    Declare {invoice} void.
    Nullify invoice {invoice}.
    """,
    pick=lambda d: {"invoice": d.invoice("status = 'paid'")},
)
def void_paid(s: Slots) -> Way:
    yield [call("void_invoice", invoice=s["invoice"])]
    yield [call("refund_invoice", invoice=s["invoice"])]
    yield f"{s['invoice']} was paid, it is refunded now."
