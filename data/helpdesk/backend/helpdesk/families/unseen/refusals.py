"""New sequences of tools whose second step is refused: the agent explains, or takes what the refusal names."""

from __future__ import annotations

from typing import Any

from helpdesk.draw import Draw
from helpdesk.families.lists import ids, unpaid_invoices
from helpdesk.family import Level, Slots, Way, call, family
from toolft_pipeline.trajectories.category import Category

RETRY, EXPLAIN = Category.ERROR_THEN_RETRY, Category.ERROR_THEN_EXPLAIN
NEW = Level.NEW_COMPOSITION
HAS_UNPAID = "EXISTS (SELECT 1 FROM invoices i WHERE i.customer = c.customer AND i.status = 'unpaid')"


@family(
    "gold_refused_by_mail",
    EXPLAIN,
    level=NEW,
    worded_as="tier_by_mail",
    pick=lambda d: d.person(f"status = 'active' AND {HAS_UNPAID}") | {"tier": "gold"},
)
def gold_refused_by_mail(s: Slots) -> Way:
    found = yield [call("find_customer", email=s["email"])]
    yield [call("set_tier", customer=found[0].data["customer"], tier=s["tier"])]


@family(
    "unblock_active_by_mail",
    EXPLAIN,
    level=NEW,
    worded_as="unblock_by_mail",
    pick=lambda d: d.person(),
)
def unblock_active_by_mail(s: Slots) -> Way:
    found = yield [call("find_customer", email=s["email"])]
    yield [call("unblock_customer", customer=found[0].data["customer"])]


@family(
    "look_then_deliver_refused",
    EXPLAIN,
    level=NEW,
    worded_as="look_then_deliver",
    pick=lambda d: {"order": d.order("status IN ('delivered', 'cancelled')"), "day": d.open_day()},
)
def look_then_deliver_refused(s: Slots) -> Way:
    yield [call("get_order", order=s["order"])]
    yield None
    yield [call("set_delivery", order=s["order"], window={"day": s["day"]})]


def _more_than_there_is(d: Draw) -> dict[str, Any]:
    row = d.row("SELECT sku, warehouse, qty FROM stock WHERE qty BETWEEN 1 AND 20 ORDER BY 1, 2")
    return {"sku": row["sku"], "wh": row["warehouse"], "qty": row["qty"] + d.number(1, 9)}


@family(
    "check_then_reserve_less",
    RETRY,
    level=NEW,
    worded_as="check_then_reserve",
    pick=_more_than_there_is,
)
def check_then_reserve_less(s: Slots) -> Way:
    yield [call("check_stock", sku=s["sku"], warehouse=s["wh"])]
    yield None
    refused = yield [call("reserve_stock", sku=s["sku"], qty=s["qty"], warehouse=s["wh"])]
    left = int(refused[0].remedy.removeprefix("qty "))
    yield [call("reserve_stock", sku=s["sku"], qty=left, warehouse=s["wh"])]


@family(
    "paid_too_much",
    RETRY,
    level=NEW,
    held="""
    {customer} paid {amount} euros on the unpaid invoice, {method}. Book what is due.
    Book {amount} euros by {method} on the unpaid invoice of {customer}, at most what is due.
    """,
    pick=lambda d: {
        "customer": d.customer(unpaid_invoices(1, 1)),
        "amount": d.number(901, 990),
        "method": d.choice(("card", "cash", "transfer")),
    },
)
def paid_too_much(s: Slots) -> Way:
    listed = yield [call("list_invoices", customer=s["customer"], status="unpaid")]
    invoice = ids(listed, "invoices")[0]
    refused = yield [call("record_payment", invoice=invoice, amount=s["amount"], method=s["method"])]
    due = int(refused[0].remedy.removeprefix("amount "))
    yield [call("record_payment", invoice=invoice, amount=due, method=s["method"])]
