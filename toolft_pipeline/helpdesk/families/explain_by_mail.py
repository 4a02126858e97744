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
    "block_twice_by_mail",
    "block_customer",
    "reason=why",
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
    pick=lambda d: d.person("status = 'blocked'") | {"why": d.choice(("fraud", "chargeback", "abuse"))},
)
