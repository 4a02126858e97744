"""What is said: answers with values in the user's language, results of all sizes, users with habits."""

from __future__ import annotations

import json
import re
import statistics
from collections import Counter
from random import Random
from typing import Any

import pytest
from helpdesk.personas import worded
from helpdesk.registry import TOOLS
from helpdesk.texts import LANGUAGES, sayings

from toolft_pipeline_tests.conftest import REPOSITORY
from toolft_pipeline_tests.helpdesk.test_tasks import rows_of

DATA = REPOSITORY / "data" / "helpdesk"


@pytest.fixture(scope="module")
def honest() -> list[dict[str, Any]]:
    planted = {row["id"] for row in map(json.loads, (DATA / "planted.jsonl").read_text().splitlines())}
    paths = sorted((DATA / "logs").glob("????-??-??.jsonl"))
    return [row for path in paths for row in rows_of(path) if row["id"] not in planted]


def test_every_tool_has_an_answer_in_every_language() -> None:
    for language in LANGUAGES:
        for tool in TOOLS:
            assert all("{" in text for text in sayings(language, tool)), (language, tool)


def test_typos_spare_the_values() -> None:
    slots = {"order": "O-4711", "sku": "amber kettle", "name": "Maria Lopez"}
    wording = ("Please add the {sku} to order {order} for {name}.",)
    written = [worded(wording, slots, language="en", random=Random(n), held=False)[0] for n in range(400)]
    assert all(value in text for text in written for value in slots.values())
    plain = sum("Please add the" in text or "please add the" in text for text in written)
    assert 300 < plain < 400


def test_languages_have_their_shares(honest: list[dict[str, Any]]) -> None:
    languages = Counter(row["task_key"].split("|")[1][:2] for row in honest)
    assert 0.55 < languages["en"] / len(honest) < 0.65
    assert min(languages["de"], languages["es"]) / len(honest) > 0.15


def test_answers_say_what_was_done_or_read(honest: list[dict[str, Any]]) -> None:
    for row in honest:
        read = any(message["role"] == "tool" for message in row["messages"])
        answers = [m["content"] for m in row["messages"] if m["role"] == "assistant" and m["content"]]
        assert all(len(answer) > 12 for answer in answers)
        assert not read or re.search(r"\d|@|[a-z] [a-z]+ ", answers[-1]), row["id"]
    said = Counter(m["content"] for row in honest for m in row["messages"] if m["role"] == "assistant" and m["content"])
    assert max(said.values()) < 0.01 * len(honest)


def test_results_runs_and_prompts_are_of_all_sizes(honest: list[dict[str, Any]]) -> None:
    results = [len(m["content"]) for row in honest for m in row["messages"] if m["role"] == "tool"]
    assert statistics.median(results) > 80
    assert 4000 < max(results) < 8000
    lengths = [len(row["messages"]) for row in honest]
    assert min(lengths) == 2
    assert max(lengths) >= 29
    prompts = Counter(row["messages"][0]["content"] for row in honest if row["messages"][0]["role"] == "system")
    assert 0.4 < sum(prompts.values()) / len(honest) < 0.7
    assert len(prompts) >= 10


def test_lists_are_read_to_the_last_page(honest: list[dict[str, Any]]) -> None:
    pages = [row for row in honest if row["task_key"].startswith(("all_orders|", "all_open_tickets|"))]
    assert len(pages) > 20
    for row in pages:
        results = [json.loads(m["content"]) for m in row["messages"] if m["role"] == "tool"]
        assert len(results) > 1
        assert ["next" in result for result in results] == [True] * (len(results) - 1) + [False]
