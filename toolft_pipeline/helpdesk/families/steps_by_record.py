"""One record leads to another: the id to act on stands in a result."""

from __future__ import annotations

from toolft_pipeline.evaluation.task import Category
from toolft_pipeline.helpdesk.family import Slots, Way, call, family

MULTI = Category.MULTI_STEP


@family(
    "hold_order_of_ticket",
    MULTI,
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
    pick=lambda d: {
        "ticket": d.choice(
            d.query(
                "SELECT ticket FROM tickets t JOIN orders o USING (order_id) WHERE t.status = 'open' "
                "AND o.status IN ('new', 'paid', 'packed') AND held = 0 ORDER BY 1"
            )
        )
    },
)
def hold_order_of_ticket(s: Slots) -> Way:
    shown = yield [call("get_ticket", ticket=s["ticket"])]
    order = shown[0].data["order"]
    yield [call("hold_order", order=order)]


@family(
    "return_arrived_and_settled",
    MULTI,
    log="""
    Return {ret} arrived {condition}, approve {outcome}.
    Receive {ret} as {condition} and approve {outcome}.
    {ret} is here, {condition}; then approve the {outcome}.
    {ret} came in {condition}, {outcome} approved.
    """,
    held="""
    {ret} came back {condition}, approve {outcome}.
    Receive return {ret}, {condition}, and approve the {outcome}.
    """,
    pick=lambda d: {
        "ret": d.returned("status = 'requested'"),
        "condition": d.choice(("intact", "used", "broken")),
        "outcome": d.choice(("refund", "exchange", "repair")),
    },
)
def return_arrived_and_settled(s: Slots) -> Way:
    yield [call("receive_return", **{"return": s["ret"]}, condition=s["condition"])]
    yield [call("approve_return", **{"return": s["ret"]}, outcome=s["outcome"])]
