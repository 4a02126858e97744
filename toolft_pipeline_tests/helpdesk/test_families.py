"""Families: every wording can be drawn, every way keeps its promise, nothing held out is in the logs."""

from __future__ import annotations

import re
from collections import Counter
from random import Random

import pytest
from helpdesk.agent import Run, assign, work
from helpdesk.desk import Desk
from helpdesk.families import FAMILIES
from helpdesk.family import Family, Level
from helpdesk.registry import TOOLS
from helpdesk.rules import RULES
from helpdesk.texts import LANGUAGES, wordings_of

from toolft_pipeline.trajectories.category import Category

LOGGED = [family for family in FAMILIES.values() if family.level is Level.NEW_WORDING]


def logged_runs(families: list[Family], *, each: int = 1) -> list[Run]:
    desk = Desk()
    return [
        work(desk, assign(family, kind="log", random=Random(f"{family.name} {number}"), held=False, taken=set()))
        for family in families
        for number in range(each)
    ]


@pytest.mark.parametrize("kind", ["log", "eval"])
def test_every_family_goes_its_way_in_both_pools(kind: str) -> None:
    desk, taken = Desk(), set[str]()
    for family in FAMILIES.values() if kind == "eval" else LOGGED:
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


@pytest.mark.parametrize("language", LANGUAGES)
def test_held_wordings_stand_in_no_family_for_the_logs(language: str) -> None:
    logged = {wording for family in LOGGED for wording in wordings_of(family, language, held=False)}
    held = {wording for family in FAMILIES.values() for wording in wordings_of(family, language, held=True)}
    assert not logged & held


@pytest.mark.parametrize(("language", "logs", "held"), [("en", 4, 2), ("de", 3, 1), ("es", 3, 1)])
def test_every_family_has_several_wordings_in_every_language(language: str, logs: int, held: int) -> None:
    for family in FAMILIES.values():
        alone, said = wordings_of(family, language, held=True), wordings_of(family, language, held=False)
        enough = family.name == "many_requests"  # a conversation of seven turns
        assert len(set(alone)) >= (1 if enough else held), family.name
        assert len(set(said)) >= (1 if enough else logs) or family.level is not Level.NEW_WORDING, family.name
        assert len({len(wording) for wording in (*alone, *said)}) == 1, family.name


def test_wordings_of_all_languages_have_the_same_slots() -> None:
    for family in FAMILIES.values():
        slots = {
            language: {slot for held in (False, True) for wording in wordings_of(family, language, held=held)
                       for slot in re.findall(r"{(\w+)}", " ".join(wording))}
            for language in LANGUAGES
        }  # fmt: skip
        assert slots["de"] <= slots["en"], family.name
        assert slots["es"] <= slots["en"], family.name


def test_categories_and_turns_are_all_there() -> None:
    assert {family.category for family in LOGGED} == set(Category)
    assert sum(len(wordings_of(family, "en", held=True)[0]) > 1 for family in LOGGED) >= 12
    assert set(Counter(family.level for family in FAMILIES.values())) == set(Level)


def test_every_tool_is_logged_but_those_of_the_fourth_level() -> None:
    shown = {made.name for run in logged_runs(LOGGED) for made in run.calls}
    new = {"get_product", "merge_tickets", "plan_callback", "extend_due_date"}
    assert set(TOOLS) - shown == new


def test_runs_obey_the_rule_of_their_system_prompt() -> None:
    guarded = {"cancel": ("cancel_order", "get_order"), "refund": ("refund_invoice", "get_invoice"),
               "close": ("close_ticket", "get_ticket")}  # fmt: skip
    seen = Counter[str]()
    for run in logged_runs(LOGGED, each=8):
        names = [made.name for made in run.calls]
        for rule, (tool, look) in guarded.items():
            if RULES[rule] in (run.assignment.house.text or "") and tool in names:
                assert look in names[: names.index(tool)], run.assignment.key
                seen[rule] += 1
    assert set(seen) == set(RULES)


def test_rules_are_kept_against_the_wish_of_the_user() -> None:
    for name in ("cancel_forbidden", "refund_forbidden", "close_forbidden"):
        for run in logged_runs([FAMILIES[name]], each=3):
            assert all(TOOLS[made.name].reads for made in run.calls)
            assert run.endings == ("refused",)
