"""Families: every wording can be drawn, every way keeps its promise, nothing held out is in the logs."""

from __future__ import annotations

from collections import Counter
from random import Random

import pytest
from helpdesk.agent import assign, work
from helpdesk.desk import Desk
from helpdesk.families import FAMILIES
from helpdesk.registry import TOOLS

from toolft_pipeline.trajectories.category import Category


@pytest.mark.parametrize("kind", ["log", "eval"])
def test_every_family_goes_its_way_in_both_pools(kind: str) -> None:
    desk, taken = Desk(), set[str]()
    for family in FAMILIES.values():
        random = Random(f"{family.name} {kind}")
        run = work(desk, assign(family, kind=kind, random=random, held=kind == "eval", taken=taken))
        assert run.messages[-1]["role"] == "assistant"
        assert run.messages[-1]["content"]
        assert "{" not in "".join(run.assignment.user_turns)


def test_same_draw_gives_the_same_run() -> None:
    desk = Desk()
    family = FAMILIES["close_all_open"]
    one, other = (work(desk, assign(family, kind="log", random=Random(3), held=False, taken=set())) for _ in range(2))
    assert one == other


def test_held_wordings_stand_in_no_family_for_the_logs() -> None:
    logged = {turn for family in FAMILIES.values() for wording in family.log for turn in wording}
    held = {turn for family in FAMILIES.values() for wording in family.held for turn in wording}
    assert not logged & held


def test_every_family_has_several_wordings_on_both_sides() -> None:
    for family in FAMILIES.values():
        assert len(set(family.log)) >= 4, family.name
        assert len(set(family.held)) >= 2, family.name
        assert {len(wording) for wording in family.log} == {len(wording) for wording in family.held}, family.name


def test_categories_and_turns_are_all_there() -> None:
    assert {family.category for family in FAMILIES.values()} == set(Category)
    assert sum(len(family.log[0]) > 1 for family in FAMILIES.values()) >= 5


def test_every_tool_is_shown_by_a_family_of_its_own_and_in_company() -> None:
    desk, alone, in_company = Desk(), Counter[str](), Counter[str]()
    for family in FAMILIES.values():
        run = work(desk, assign(family, kind="log", random=Random(family.name), held=False, taken=set()))
        tools = {made.name for made in run.calls}
        (alone if len(tools) == 1 else in_company).update(tools)
    assert set(alone) == set(TOOLS)
    assert len(in_company) >= 20
