"""The first call on a ticket, stock or an invoice fails, the refusal says what to do, and the second way works."""

from __future__ import annotations

from toolft_pipeline.evaluation.task import Category
from toolft_pipeline.helpdesk.draw import Draw
from toolft_pipeline.helpdesk.family import Slots, Way, call, family

RETRY = Category.ERROR_THEN_RETRY


def _moved(d: Draw) -> dict[str, str]:
    return {"order": d.order("status = 'moved'")}


def _merged(d: Draw) -> dict[str, str]:
    return {"ticket": d.ticket("status = 'merged'")}


@family(
    "show_merged_ticket",
    RETRY,
    log="""
    Show ticket {ticket}.
    Who has ticket {ticket}?
    Is {ticket} still open?
    What is the state of {ticket}?
    Pull up ticket {ticket}.
    """,
    held="""
    Give me the details of ticket {ticket}.
    Look at {ticket} for me.
    """,
    pick=_merged,
)
def show_merged_ticket(s: Slots) -> Way:
    first = yield [call("get_ticket", ticket=s["ticket"])]
    ticket = first[0].remedy
    shown = yield [call("get_ticket", ticket=ticket)]
    yield f"{ticket} is {shown[0].data['status']}, from {shown[0].data['customer']}."


@family(
    "note_on_merged_ticket",
    RETRY,
    log="""
    Note on {ticket}: "{text}".
    Add a note "{text}" to {ticket}.
    Write "{text}" on ticket {ticket}.
    For {ticket}, please note "{text}".
    Put the note "{text}" on {ticket}.
    """,
    held="""
    Remember "{text}" on {ticket}.
    Jot down "{text}" for ticket {ticket}.
    """,
    pick=lambda d: _merged(d) | {"text": d.remark()},
)
def note_on_merged_ticket(s: Slots) -> Way:
    first = yield [call("add_note", ticket=s["ticket"], text=s["text"])]
    ticket = first[0].remedy
    yield [call("add_note", ticket=ticket, text=s["text"])]
    yield f"The note is on {ticket}."


@family(
    "assign_to_absent",
    RETRY,
    log="""
    Assign {ticket} to {agent}.
    Give {ticket} to {agent}.
    {agent} takes ticket {ticket}.
    {ticket} is for {agent}.
    Let {agent} look after {ticket}.
    """,
    held="""
    Hand {ticket} over to {agent}.
    Pass ticket {ticket} on to {agent}.
    """,
    pick=lambda d: {"ticket": d.ticket(), "agent": d.agent(present=False)},
)
def assign_to_absent(s: Slots) -> Way:
    first = yield [call("assign_ticket", ticket=s["ticket"], agent=s["agent"])]
    stand_in = first[0].remedy
    yield [call("assign_ticket", ticket=s["ticket"], agent=stand_in)]
    yield f"{s['agent']} is away, {stand_in} has {s['ticket']}."


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


@family(
    "close_unassigned",
    RETRY,
    log="""
    Close {ticket} as solved, {agent} did it.
    {agent} solved {ticket}, close it.
    {ticket} is solved thanks to {agent}, close.
    Ticket {ticket} can be closed as solved, done by {agent}.
    Mark {ticket} solved and close it, {agent} was on it.
    """,
    held="""
    We are done with {ticket}, {agent} solved it.
    Finish {ticket} as solved, the work of {agent}.
    """,
    pick=lambda d: {"ticket": d.ticket("status = 'open' AND agent IS NULL"), "agent": d.agent()},
)
def close_unassigned(s: Slots) -> Way:
    yield [call("close_ticket", ticket=s["ticket"], resolution="solved")]
    yield [call("assign_ticket", ticket=s["ticket"], agent=s["agent"])]
    yield [call("close_ticket", ticket=s["ticket"], resolution="solved")]
    yield f"{s['ticket']} went to {s['agent']} and is closed as solved."


@family(
    "assign_closed",
    RETRY,
    log="""
    The problem of {ticket} is back, assign {agent}.
    {ticket} is not done, {agent} must look at it again.
    {agent} gets {ticket} once more.
    Give {ticket} back to {agent}.
    {ticket} again, this time for {agent}.
    """,
    held="""
    {agent} should handle {ticket} a second time.
    Hand {ticket} to {agent} again.
    """,
    pick=lambda d: {"ticket": d.ticket("status = 'closed'"), "agent": d.agent()},
)
def assign_closed(s: Slots) -> Way:
    yield [call("assign_ticket", ticket=s["ticket"], agent=s["agent"])]
    yield [call("reopen_ticket", ticket=s["ticket"])]
    yield [call("assign_ticket", ticket=s["ticket"], agent=s["agent"])]
    yield f"{s['ticket']} is open again with {s['agent']}."


@family(
    "merge_into_closed",
    RETRY,
    log="""
    Merge {other} into {keep}.
    {other} is the same as {keep}, keep {keep}.
    Keep {keep} and merge {other} into it.
    Fold ticket {other} into {keep}.
    {other} duplicates {keep}, merge it there.
    """,
    held="""
    Join {other} with {keep}, which stays.
    {keep} stays and takes in {other}.
    """,
    pick=lambda d: {
        "keep": (
            row := d.row(
                "SELECT a.ticket a, b.ticket b FROM tickets a JOIN tickets b ON a.customer = b.customer "
                "WHERE a.status = 'closed' AND b.status = 'open' ORDER BY 1, 2"
            )
        )["a"],
        "other": row["b"],
    },
)
def merge_into_closed(s: Slots) -> Way:
    yield [call("merge_tickets", keep=s["keep"], merge=[s["other"]])]
    yield [call("reopen_ticket", ticket=s["keep"])]
    yield [call("merge_tickets", keep=s["keep"], merge=[s["other"]])]
    yield f"{s['keep']} is open again and holds {s['other']}."
