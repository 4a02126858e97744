"""Something is looked up, the call that follows fails: the agent says why."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from toolft_pipeline.evaluation.task import Category
from toolft_pipeline.helpdesk.draw import Draw
from toolft_pipeline.helpdesk.family import Slots, Way, arguments_of, call, family

EXPLAIN = Category.ERROR_THEN_EXPLAIN


def refused_elsewhere(
    name: str,
    first: tuple[str, str],
    tool: str,
    spec: str,
    *,
    log: str,
    held: str,
    pick: Callable[[Draw], dict[str, Any]],
) -> None:
    """A family that looks an order up by another record, then fails on the order and explains."""

    def way(s: Slots) -> Way:
        shown = yield [call(first[0], **arguments_of(first[1], s))]
        yield [call(tool, order=shown[0].data["order"], **arguments_of(spec, s))]

    family(name, EXPLAIN, log=log, held=held, pick=pick)(way)


refused_elsewhere(
    "hold_order_of_ticket_refused",
    ("get_ticket", "ticket"),
    "hold_order",
    "",
    log="""
    Hold the order of ticket {ticket}.
    The order that {ticket} is about has to wait, hold it.
    Do not ship the order of {ticket} yet, hold it.
    Put a hold on the order of {ticket}.
    """,
    held="""
    Put the order of ticket {ticket} on hold.
    Ticket {ticket}: hold its order.
    """,
    pick=lambda d: {"ticket": d.ticket_on("o.status IN ('shipped', 'delivered', 'cancelled')")},
)
