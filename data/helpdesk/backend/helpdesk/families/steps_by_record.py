"""One record leads to another: the id to act on stands in a result."""

from __future__ import annotations

from helpdesk.family import Slots, Way, call, family
from toolft_pipeline.trajectories.category import Category

MULTI = Category.MULTI_STEP


@family(
    "return_arrived_and_settled",
    MULTI,
    log="""
    Return {ret} arrived {condition}, approve {outcome}.
    Receive {ret} as {condition} and approve {outcome}.
    {ret} is here, {condition}; then approve the {outcome}.
    {ret} came in {condition}, {outcome} approved.
    Return {ret} arrived {condition}, give a {outcome}.
    Book in {ret} as {condition} and grant {outcome}.
    Receive {ret}, {condition}, then {outcome}.
    {ret} turned up {condition}, settle it with {outcome}.
    Goods of {ret} are back and {condition}: {outcome} it is.
    {ret} is here, {condition}; approve {outcome}.
    {ret} came back {condition}, {outcome} please.
    Can you book in {ret}, {condition}, and approve {outcome}?
    {ret} arrived {condition}. Approve the {outcome} too.
    Receive {ret}, it is {condition}, and approve {outcome}.
    Please receive {ret} as {condition}, then approve {outcome}.
    {ret} is back {condition}, approve a {outcome}.
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
