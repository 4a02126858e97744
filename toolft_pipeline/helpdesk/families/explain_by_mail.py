"""The customer is found, the call on them fails: the agent says why."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from toolft_pipeline.evaluation.task import Category
from toolft_pipeline.helpdesk.draw import Draw
from toolft_pipeline.helpdesk.family import Slots, Way, arguments_of, call, family

EXPLAIN = Category.ERROR_THEN_EXPLAIN


def refused_by_mail(
    name: str, tool: str, spec: str, *, log: str, held: str, pick: Callable[[Draw], dict[str, Any]]
) -> None:
    """A family that looks the customer up first, then fails and explains."""

    def way(s: Slots) -> Way:
        found = yield [call("find_customer", email=s["email"])]
        yield [call(tool, customer=found[0].data["customer"], **arguments_of(spec, s))]

    family(name, EXPLAIN, log=log, held=held, pick=pick)(way)


refused_by_mail(
    "order_of_blocked_by_mail",
    "place_order",
    "items",
    log="""
    {email} wants {qty} {sku}.
    Place an order of {qty} {sku} for {email}.
    Please order {qty} x {sku}, customer {email}.
    {email} would like to buy {qty} {sku}.
    Put in an order of {qty} {sku} by {email}.
    """,
    held="""
    Order {qty} {sku} for {email}.
    {email} is on the phone and orders {qty} {sku}.
    """,
    pick=lambda d: (
        (one := {"sku": d.sku(), "qty": d.number(1, 20)}) | d.person("status = 'blocked'") | {"items": [one]}
    ),
)

refused_by_mail(
    "move_while_travelling",
    "change_address",
    "address.street=street address.city=city",
    log="""
    {email} moved to {street}, {city}.
    {email} lives at {street} in {city} now.
    Update where {email} lives: {street}, {city}.
    From today {email} is at {street}, {city}.
    The home of {email} is now {street}, {city}.
    """,
    held="""
    Change the address of {email} to {street}, {city}.
    New address for {email}: {street}, {city}.
    """,
    pick=lambda d: (
        d.person("EXISTS (SELECT 1 FROM orders o WHERE o.customer = c.customer AND o.status = 'shipped')")
        | {"street": d.street(), "city": d.city()}
    ),
)

refused_by_mail(
    "gold_in_debt",
    "set_tier",
    "tier",
    log="""
    Make {email} a gold customer.
    Change the tier of {email} to gold.
    Set {email} to gold.
    {email} deserves tier gold, please change.
    From today {email} counts as gold.
    """,
    held="""
    Put {email} in tier gold.
    {email} should be gold from now on.
    """,
    pick=lambda d: (
        d.person("EXISTS (SELECT 1 FROM invoices i WHERE i.customer = c.customer AND i.status = 'unpaid')")
        | {"tier": "gold"}
    ),
)

refused_by_mail(
    "unblock_active_by_mail",
    "unblock_customer",
    "",
    log="""
    Unblock {email}.
    Lift the block on {email}.
    Let {email} order again.
    {email} was blocked wrongly, undo that.
    Make {email} active again.
    """,
    held="""
    {email} may buy again, please unblock.
    The block of {email} was a mistake, remove it.
    """,
    pick=lambda d: d.person(),
)

refused_by_mail(
    "block_twice_by_mail",
    "block_customer",
    "reason=why",
    log="""
    Block {email} for {why}.
    We have a case of {why}: block {email}.
    Please block the customer {email}, {why}.
    Lock out {email} because of {why}.
    Shut {email} off, the reason is {why}.
    """,
    held="""
    {email} must be blocked, it is {why}.
    No more orders from {email}, {why}. Block.
    """,
    pick=lambda d: d.person("status = 'blocked'") | {"why": d.choice(("fraud", "chargeback", "abuse"))},
)
