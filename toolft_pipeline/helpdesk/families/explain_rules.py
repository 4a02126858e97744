"""A house rule says what to do, the call fails: the agent says why."""

from __future__ import annotations

from toolft_pipeline.evaluation.task import Category
from toolft_pipeline.helpdesk.families.house_rules import CHANNELS, DISCOUNTS, OUTCOMES
from toolft_pipeline.helpdesk.family import Slots, Way, call, family

EXPLAIN = Category.ERROR_THEN_EXPLAIN


@family(
    "decide_return_twice",
    EXPLAIN,
    log="""
    Decide on return {ret} by its condition.
    What happens with return {ret}? Decide by the rule.
    Process {ret} as we always do.
    Deal with {ret} according to the rule.
    {ret} is waiting, judge it by its condition.
    """,
    held="""
    Settle {ret} by the house rule.
    Return {ret} waits for a decision, go by its condition.
    """,
    pick=lambda d: {"ret": d.returned("status = 'approved'")},
)
def decide_return_twice(s: Slots) -> Way:
    shown = yield [call("get_return", **{"return": s["ret"]})]
    yield [call("approve_return", **{"return": s["ret"]}, outcome=OUTCOMES[shown[0].data["condition"]])]


@family(
    "discount_refused",
    EXPLAIN,
    log="""
    Give {customer} the largest discount on {invoice}.
    Highest discount for {customer} on {invoice}.
    Discount {invoice} by what the tier of {customer} allows.
    As cheap as the tier of {customer} permits, please, {invoice}.
    Grant {customer} the full tier discount on {invoice}.
    """,
    held="""
    {invoice} of {customer} gets as much discount as the tier allows.
    Apply the tier discount of {customer} to {invoice}.
    """,
    pick=lambda d: d.billed("i.status != 'unpaid'"),
)
def discount_refused(s: Slots) -> Way:
    shown = yield [call("get_customer", customer=s["customer"])]
    yield [call("apply_discount", invoice=s["invoice"], percent=DISCOUNTS[shown[0].data["tier"]])]


@family(
    "reminder_refused",
    EXPLAIN,
    log="""
    Remind {customer} of {invoice} the usual way.
    Send {customer} the usual reminder for {invoice}.
    Ask {customer} for the money of {invoice} in the usual way.
    Nudge {customer} about {invoice} the way we do for the tier.
    {customer} has not paid {invoice}, the usual reminder please.
    """,
    held="""
    {invoice} is late, remind {customer} as the tier asks.
    Reminder on {invoice} to {customer}, channel by tier.
    """,
    pick=lambda d: d.billed("i.status != 'unpaid'"),
)
def reminder_refused(s: Slots) -> Way:
    shown = yield [call("get_customer", customer=s["customer"])]
    yield [call("send_reminder", invoice=s["invoice"], channel=CHANNELS[shown[0].data["tier"]])]


@family(
    "stop_cancelled_order",
    EXPLAIN,
    log="""
    The customer does not want {order} any more, it is {reason}.
    {order} is {reason}, take it back or cancel it.
    Undo order {order}, reason {reason}.
    {order} has to be reversed, {reason}.
    Whichever way works, rid the customer of {order}, {reason}.
    """,
    held="""
    Get {order} undone, {reason}.
    Cancel or return {order}, whatever fits, {reason}.
    """,
    pick=lambda d: {"order": d.order("status = 'cancelled'"), "reason": d.reason()},
)
def stop_cancelled_order(s: Slots) -> Way:
    yield [call("get_order", order=s["order"])]
    yield [call("cancel_order", order=s["order"], reason=s["reason"])]


@family(
    "same_again_for_blocked",
    EXPLAIN,
    log="""
    Order the same as {order} again.
    Repeat order {order}.
    Please reorder {order}.
    Once more what {order} had, for the same customer.
    Duplicate order {order} as a new one.
    """,
    held="""
    The customer of {order} wants the same once more.
    Place {order} a second time.
    """,
    pick=lambda d: {
        "order": d.order(
            "status != 'moved' AND (SELECT c.status FROM customers c WHERE c.customer = o.customer) = 'blocked'"
        )
    },
)
def same_again_for_blocked(s: Slots) -> Way:
    shown = yield [call("get_order", order=s["order"])]
    yield [call("place_order", customer=shown[0].data["customer"], items=shown[0].data["items"])]
