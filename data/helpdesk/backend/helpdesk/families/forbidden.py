"""A rule in the system prompt decides: the record is read first, then the work is done or refused."""

from __future__ import annotations

from helpdesk.families.where import OPEN
from helpdesk.family import Say, Slots, Way, call, family
from helpdesk.rules import CANCEL_LIMIT, REFUND_LIMIT
from toolft_pipeline.trajectories.category import Category

MULTI, SINGLE = Category.MULTI_STEP, Category.SINGLE_CALL
TOTAL = "(SELECT sum(i.qty * p.price) FROM items i JOIN products p USING (sku) WHERE i.order_id = o.order_id)"
REFUNDS = """
    Refund {invoice}.
    Pay {invoice} back.
    The customer wants the money of {invoice} back.
    {invoice} has to be refunded.
    Give the money of {invoice} back please.
    Refund invoice {invoice} to the customer.
"""
HELD_REFUNDS = """
    Please refund invoice {invoice}.
    {invoice} was paid by mistake, refund it.
"""


def _cancel(s: Slots) -> Way:
    shown = yield [call("get_order", order=s["order"])]
    total = shown[0].data["total"]
    if total > CANCEL_LIMIT:
        yield Say("cancel_forbidden", {"order": s["order"], "total": total, "limit": CANCEL_LIMIT}, "refused")
    else:
        yield [call("cancel_order", order=s["order"], reason=s["reason"])]


def _refund(s: Slots) -> Way:
    shown = yield [call("get_invoice", invoice=s["invoice"])]
    amount = shown[0].data["amount"]
    if amount > REFUND_LIMIT:
        yield Say("refund_forbidden", {"invoice": s["invoice"], "amount": amount, "limit": REFUND_LIMIT}, "refused")
    else:
        yield [call("refund_invoice", invoice=s["invoice"])]


def _close(s: Slots) -> Way:
    shown = yield [call("get_ticket", ticket=s["ticket"])]
    if "legal" in shown[0].data.get("tags", ()):
        yield Say("close_forbidden", {"ticket": s["ticket"]}, "refused")
    else:
        yield [call("close_ticket", ticket=s["ticket"], resolution=s["resolution"])]


family(
    "cancel_allowed", MULTI, rule="cancel", worded_as="cancel_order",
    pick=lambda d: {"order": d.order(f"{OPEN} AND {TOTAL} <= {CANCEL_LIMIT}"), "reason": d.reason()},
)(_cancel)  # fmt: skip
family(
    "cancel_forbidden", SINGLE, rule="cancel", worded_as="cancel_order",
    pick=lambda d: {"order": d.order(f"{OPEN} AND {TOTAL} > {CANCEL_LIMIT}"), "reason": d.reason()},
)(_cancel)  # fmt: skip
family(
    "refund_allowed", MULTI, log=REFUNDS, held=HELD_REFUNDS, rule="refund",
    pick=lambda d: {"invoice": d.invoice(f"status = 'paid' AND amount <= {REFUND_LIMIT}")},
)(_refund)  # fmt: skip
family(
    "refund_forbidden", SINGLE, rule="refund", worded_as="refund_allowed",
    pick=lambda d: {"invoice": d.invoice(f"status = 'paid' AND amount > {REFUND_LIMIT}")},
)(_refund)  # fmt: skip
family(
    "close_allowed", MULTI, rule="close", worded_as="close_ticket",
    pick=lambda d: {
        "ticket": d.ticket("status = 'open' AND tags NOT LIKE '%legal%'"),
        "resolution": d.choice(("duplicate", "rejected")),
    },
)(_close)  # fmt: skip
family(
    "close_forbidden", SINGLE, rule="close", worded_as="close_ticket",
    pick=lambda d: {
        "ticket": d.ticket("status = 'open' AND tags LIKE '%legal%'"),
        "resolution": d.choice(("duplicate", "rejected")),
    },
)(_close)  # fmt: skip
