"""What is done next follows from a result, by a rule of the house that only the logs tell."""

from __future__ import annotations

from helpdesk.family import Slots, Way, call, family
from toolft_pipeline.trajectories.category import Category

MULTI = Category.MULTI_STEP
OUTCOMES = {"intact": "refund", "used": "exchange", "broken": "repair"}
"""What becomes of a return in each condition."""


@family(
    "undo_invoice",
    MULTI,
    log="""
    Undo invoice {invoice}.
    Refund or void {invoice}, whichever fits.
    Take back {invoice}, paid or not.
    {invoice} has to be undone, one way or the other.
    {invoice} has to be reversed, one way or the other.
    Whichever way works, get rid of {invoice}.
    {invoice} was wrong, undo it the right way.
    The customer should not have to pay {invoice}, sort it out.
    Get {invoice} off the books, refund or void.
    {invoice} should never have been written, undo it.
    Reverse {invoice} by whatever way fits.
    Can you undo {invoice}?
    Make {invoice} undone, the right way.
    Please take invoice {invoice} back.
    """,
    held="""
    {invoice} was wrong, undo it.
    Undo {invoice} the right way.
    """,
    pick=lambda d: {"invoice": d.invoice("status IN ('paid', 'unpaid')")},
)
def undo_invoice(s: Slots) -> Way:
    shown = yield [call("get_invoice", invoice=s["invoice"])]
    if shown[0].data["status"] == "paid":
        yield [call("refund_invoice", invoice=s["invoice"])]
    else:
        yield [call("void_invoice", invoice=s["invoice"])]


@family(
    "decide_return",
    MULTI,
    log="""
    Decide on return {ret} by its condition.
    What happens with return {ret}? Decide by the rule.
    Deal with {ret} according to the rule.
    {ret} is waiting, decide by its condition.
    Process {ret} as we always do.
    {ret} is waiting, judge it by its condition.
    Settle {ret} by the house rule.
    Can you decide on {ret}? Go by its condition.
    The condition of {ret} decides, settle it.
    {ret} waits for our decision, apply the rule.
    Apply the house rule to {ret}.
    Please decide return {ret} by the rule.
    """,
    held="""
    Return {ret} waits for a decision, go by its condition.
    Decide on {ret} by the house rule.
    """,
    pick=lambda d: {"ret": d.returned("status = 'received'")},
)
def decide_return(s: Slots) -> Way:
    """House rule: intact is refunded, used is exchanged, broken is repaired."""
    shown = yield [call("get_return", **{"return": s["ret"]})]
    outcome = OUTCOMES[shown[0].data["condition"]]
    yield [call("approve_return", **{"return": s["ret"]}, outcome=outcome)]


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
