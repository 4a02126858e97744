"""A house rule says what to do, the call fails: the agent says why."""

from __future__ import annotations

from toolft_pipeline.evaluation.task import Category
from toolft_pipeline.helpdesk.families.house_rules import OUTCOMES
from toolft_pipeline.helpdesk.family import Slots, Way, call, family

EXPLAIN = Category.ERROR_THEN_EXPLAIN


@family(
    "decide_return_twice",
    EXPLAIN,
    log="""
    Decide on return {ret} by its condition.
    What happens with return {ret}? Decide by the rule.
    Deal with {ret} according to the rule.
    {ret} is waiting, decide by its condition.
    """,
    held="""
    Return {ret} waits for a decision, go by its condition.
    Decide on {ret} by the house rule.
    """,
    pick=lambda d: {"ret": d.returned("status = 'approved'")},
)
def decide_return_twice(s: Slots) -> Way:
    shown = yield [call("get_return", **{"return": s["ret"]})]
    yield [call("approve_return", **{"return": s["ret"]}, outcome=OUTCOMES[shown[0].data["condition"]])]
