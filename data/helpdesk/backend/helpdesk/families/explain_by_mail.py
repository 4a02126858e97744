"""The customer is found, the call on them fails: the agent explains why."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from helpdesk.draw import Draw
from helpdesk.family import Slots, Way, arguments_of, call, family
from toolft_pipeline.trajectories.category import Category

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
    "block_twice_by_mail",
    "block_customer",
    "reason=why",
    log="""
    Block {email} for {why}.
    We have a case of {why}: block {email}.
    Please block the customer {email}, {why}.
    {email} has to be blocked because of {why}.
    Lock out {email} because of {why}.
    Shut {email} off, the reason is {why}.
    No more orders from {email}, {why}. Block.
    {email} was caught with {why}, block.
    Put a block on {email} for {why}.
    Can you block {email}? It is {why}.
    The account of {email} has to be blocked, {why}.
    Reason {why}: block the customer {email}.
    """,
    held="""
    {email} must be blocked, it is {why}.
    Block {email}, the reason is {why}.
    """,
    pick=lambda d: d.person("status = 'blocked'") | {"why": d.choice(("fraud", "chargeback", "abuse"))},
)


refused_by_mail(
    "order_of_blocked_by_mail",
    "place_order",
    "items",
    log="""
    {email} would like to buy {qty} {sku}.
    Place an order of {qty} {sku} for {email}.
    Please order {qty} x {sku}, customer {email}.
    New order of {email}: {qty} {sku}.
    {email} wants {qty} {sku}.
    Put in an order of {qty} {sku} by {email}.
    {email} is on the phone and orders {qty} {sku}.
    Please put in {qty} {sku} for {email}.
    Make an order for {email}: {qty} {sku}.
    {email} needs {qty} {sku}, please order.
    Can you order {qty} {sku} for {email}?
    The customer {email} takes {qty} {sku}.
    """,
    held="""
    Order {qty} {sku} for {email}.
    {email} wants to order {qty} {sku}.
    """,
    pick=lambda d: (
        (one := {"sku": d.sku(), "qty": d.number(1, 20)}) | d.person("status = 'blocked'") | {"items": [one]}
    ),
)


refused_by_mail(
    "unblock_active_by_mail",
    "unblock_customer",
    "",
    log="""
    Unblock {email}.
    Lift the block on {email}.
    {email} was blocked wrongly, unblock.
    Take the block off {email}.
    Let {email} order again.
    {email} was blocked wrongly, undo that.
    Make {email} active again.
    The block of {email} was a mistake, remove it.
    Can you unblock {email}?
    {email} is fine again, remove the block.
    Free the account of {email}.
    Open the account of {email} again, unblock.
    The customer {email} can be unblocked.
    """,
    held="""
    {email} may buy again, please unblock.
    Please take the block off {email}.
    """,
    pick=lambda d: d.person(),
)
