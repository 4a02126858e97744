"""A customer is known by an e-mail address: find the id, then act on it."""

from __future__ import annotations

from toolft_pipeline.evaluation.task import Category
from toolft_pipeline.helpdesk.family import Slots, Way, call, family

MULTI = Category.MULTI_STEP


@family(
    "order_by_mail",
    MULTI,
    log="""
    {email} would like to buy {qty} {sku}.
    Place an order of {qty} {sku} for {email}.
    Please order {qty} x {sku}, customer {email}.
    New order of {email}: {qty} {sku}.
    """,
    held="""
    Order {qty} {sku} for {email}.
    {email} wants to order {qty} {sku}.
    """,
    pick=lambda d: d.person() | {"sku": d.sku(), "qty": d.number(1, 20)},
)
def order_by_mail(s: Slots) -> Way:
    found = yield [call("find_customer", email=s["email"])]
    items = [{"sku": s["sku"], "qty": s["qty"]}]
    yield [call("place_order", customer=found[0].data["customer"], items=items)]


@family(
    "complaint_by_mail",
    MULTI,
    log="""
    {email} complains: "{subject}".
    Open a ticket for {email}: "{subject}".
    New ticket, {email}, "{subject}".
    Log "{subject}" for {email} as a ticket.
    """,
    held="""
    {email} complains about this: "{subject}".
    New ticket for {email}: "{subject}".
    """,
    pick=lambda d: d.person() | {"subject": d.subject()},
)
def complaint_by_mail(s: Slots) -> Way:
    found = yield [call("find_customer", email=s["email"])]
    yield [call("open_ticket", customer=found[0].data["customer"], subject=s["subject"])]


@family(
    "block_by_mail",
    MULTI,
    log="""
    Block {email} for {why}.
    We have a case of {why}: block {email}.
    Please block the customer {email}, {why}.
    {email} has to be blocked because of {why}.
    """,
    held="""
    {email} must be blocked, it is {why}.
    Block {email}, the reason is {why}.
    """,
    pick=lambda d: d.person() | {"why": d.choice(("fraud", "chargeback", "abuse"))},
)
def block_by_mail(s: Slots) -> Way:
    found = yield [call("find_customer", email=s["email"])]
    customer = found[0].data["customer"]
    yield [call("block_customer", customer=customer, reason=s["why"])]
