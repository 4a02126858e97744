"""A conversation that is logged again with each turn is trained once, in whatever format it is logged."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from toolft_pipeline.curation.dedup.contamination import NO_MATCH
from toolft_pipeline.curation.dedup.conversation_prefixes import find_continuations
from toolft_pipeline.curation.dedup.shingles import Sets, offsets_of
from toolft_pipeline.curation.run_signatures import write_signatures
from toolft_pipeline.curation.selection import SelectionSummary, select_training_set
from toolft_pipeline.ingest.logs import Logs
from toolft_pipeline.settings import LogSettings
from toolft_pipeline.trajectories.record import Message, Trajectory
from toolft_pipeline_tests.agents import agent
from toolft_pipeline_tests.conversations import accepted, calls, result, says, system, trajectory, user
from toolft_pipeline_tests.ingest import span_conversation
from toolft_pipeline_tests.ingest.span_conversation import as_json_lines
from toolft_pipeline_tests.ingest.span_runs import ALL

DATE = system("Today is 2026-10-01, 10:00.")
ASKED = user("Where is order 7?")
LOOKED = calls(("a", "find_order", {"id": 7, "full": True}), ("b", "find_customer", {"id": 1}))
FOUND = (result("a", "find_order", "sent"), result("b", "find_customer", "Ada"))
ANSWER = says("It is sent.")
ON = (user("Thanks, and when will it arrive at my new address in Porto?"), says("Tomorrow."))
END = (user("Good."), says("Any time."))


def select(folder: Path, days: dict[str, list[Trajectory]], **curation: Any) -> tuple[SelectionSummary, dict[str, Any]]:
    signed = {}
    for day, rows in days.items():
        (folder / day).mkdir(parents=True)
        signed[day] = folder / day / "signatures.parquet"
        write_signatures(accepted(rows), signed[day])
    (folder / "tasks.jsonl").write_text(json.dumps({"task_id": "t7", "user_turns": [ON[0].text]}) + "\n")
    (folder / "out").mkdir()
    settings = agent(folder, curation=curation)
    tasks = folder / "tasks.jsonl" if curation.get("near_duplicate_threshold") == 1.0 else None
    summary = select_training_set(days=signed, tasks=tasks, tools=(), curation=settings.curation, out=folder / "out")
    return summary, {
        row["trajectory_id"]: row for row in pq.read_table(folder / "out" / "selection.parquet").to_pylist()
    }


def test_prefix_of_a_run_of_another_day_is_excluded(tmp_path: Path) -> None:
    first = trajectory(DATE, ASKED, LOOKED, *FOUND, ANSWER, id_="first")
    second = trajectory(DATE, ASKED, LOOKED, *FOUND, ANSWER, *ON, id_="second")
    third = trajectory(DATE, ASKED, LOOKED, *FOUND, ANSWER, *ON, *END, id_="third")
    other = trajectory(ASKED, LOOKED, *FOUND, says("It was sent yesterday."), id_="other answer")
    summary, rows = select(
        tmp_path, {"2026-10-01": [second, first], "2026-10-02": [third, other]}, near_duplicate_threshold=0.999
    )
    assert {id_: row["duplicate_of"] for id_, row in rows.items() if row["side"] == "out"} == {
        "first": "third",
        "second": "third",
    }
    assert rows["first"]["reason"] == "prefix of third: the same conversation, logged again with more turns"
    assert (summary.continued_in_another, summary.near_duplicates, summary.capped) == (2, 0, 0)
    assert summary.train + summary.validation + summary.continued_in_another == summary.rows == 4


def test_long_conversation_survives_its_own_prefix(tmp_path: Path) -> None:
    long = user(" ".join(f"word{number}" for number in range(300)))
    begun = trajectory(long, says("Noted."), id_="begun", golden=True)
    whole = trajectory(long, says("Noted."), user("And now?"), says("Done."), id_="whole")
    _, rows = select(tmp_path, {"2026-10-01": [begun, whole]})
    assert {id_: row["side"] for id_, row in rows.items()} == {"begun": "out", "whole": "train"}


def test_beginning_of_a_contaminated_run_stays(tmp_path: Path) -> None:
    begun = trajectory(ASKED, LOOKED, *FOUND, ANSWER, id_="begun")
    leak = trajectory(ASKED, LOOKED, *FOUND, ANSWER, *ON, id_="leak")
    summary, rows = select(tmp_path, {"2026-10-01": [begun, leak]}, near_duplicate_threshold=1.0)
    assert (rows["leak"]["side"], rows["begun"]["side"]) == ("out", "train")
    assert (summary.contaminated, summary.continued_in_another) == (1, 0)


@pytest.mark.parametrize(
    "again",
    [
        (system("Today is 2026-10-01, 10:05."), ASKED, LOOKED, *FOUND, ANSWER),
        (ASKED, LOOKED, *FOUND[::-1], ANSWER),
        (
            ASKED,
            calls(("x", "find_order", '{"full":true, "id":7}'), ("y", "find_customer", {"id": 1})),
            result("x", "find_order", "sent"),
            result("y", "find_customer", "Ada"),
            says("It is sent.\n"),
        ),
        (ASKED, LOOKED, *FOUND, Message(role=ANSWER.role, content=ANSWER.content, reasoning="easy")),
    ],
    ids=["another date", "results in another order", "other ids and spacing", "reasoning"],
)
def test_beginning_that_is_only_written_another_way_is_found(again: tuple[Message, ...], tmp_path: Path) -> None:
    begun = trajectory(*again, id_="begun")
    whole = trajectory(ASKED, LOOKED, *FOUND, ANSWER, *ON, id_="whole")
    summary, rows = select(tmp_path, {"2026-10-01": [whole, begun]})
    assert (summary.continued_in_another, rows["begun"]["duplicate_of"]) == (1, "whole")


@pytest.mark.parametrize(
    "other",
    [
        (ASKED, LOOKED, result("a", "find_order", "lost"), FOUND[1], ANSWER),
        (ASKED, LOOKED, result("a", "find_order", "Ada"), result("b", "find_customer", "sent"), ANSWER),
        (ASKED, calls(("a", "find_order", {"id": 8, "full": True}), ("b", "find_customer", {"id": 1})), *FOUND, ANSWER),
        (user("Where is order 8?"), LOOKED, *FOUND, ANSWER),
        (ASKED, ANSWER),
    ],
    ids=["a result", "swapped results", "an argument", "a question", "no calls"],
)
def test_run_that_differs_in_one_thing_is_no_beginning(other: tuple[Message, ...], tmp_path: Path) -> None:
    whole = trajectory(ASKED, LOOKED, *FOUND, ANSWER, *ON, id_="whole")
    summary, _ = select(tmp_path, {"2026-10-01": [whole, trajectory(*other, id_="other")]})
    assert summary.continued_in_another == 0


def test_run_whose_turns_another_only_shows_is_kept(tmp_path: Path) -> None:
    context = [msgspec.structs.replace(message, train=message.role != "assistant") for message in (LOOKED, ANSWER)]
    shows = trajectory(ASKED, context[0], *FOUND, context[1], *ON, id_="shows")
    summary, rows = select(tmp_path, {"2026-10-01": [shows, trajectory(ASKED, LOOKED, *FOUND, ANSWER, id_="learns")]})
    assert (summary.continued_in_another, rows["learns"]["duplicate_of"]) == (0, None)


def test_selection_of_prefixes_ignores_the_order_of_runs(tmp_path: Path) -> None:
    said = [ASKED, LOOKED, *FOUND, ANSWER, *ON, *END]
    runs = [trajectory(*said[:end], id_=f"run{end}") for end in (1, 5, 7, 9)]
    runs += [trajectory(*said[:7], user(text), says(text), id_=text) for text in ("b", "a")]
    draw, chosen = random.Random(1), []
    for attempt in range(4):
        draw.shuffle(runs)
        chosen.append(select(tmp_path / str(attempt), {"2026-10-01": list(runs)}, near_duplicate_threshold=0.999)[1])
    assert {id_ for id_, row in chosen[0].items() if row["duplicate_of"] is None} == {"run9", "a", "b"}
    assert all(rows == chosen[0] for rows in chosen)


LINES: dict[str, Any] = {
    "openai": lambda said: {"messages": said},
    "langchain": lambda said: {"messages": [_langchain(message) for message in said]},
    "anthropic": lambda said: {"system": said[0]["content"], "messages": [_anthropic(message) for message in said[1:]]},
    "atif": lambda said: {
        "schema_version": "ATIF-v1.5",
        "agent": {"name": "a", "version": "1"},
        "steps": [_atif(message, said) for message in said if message["role"] != "tool"],
    },
}


def _arguments(call: dict[str, Any]) -> Any:
    return json.loads(call["function"]["arguments"])


def _langchain(message: dict[str, Any]) -> dict[str, Any]:
    calls_ = [
        {"name": call["function"]["name"], "args": _arguments(call), "id": call["id"]}
        for call in message.get("tool_calls", ())
    ]
    data = {"content": message["content"], "tool_calls": calls_, "tool_call_id": message.get("tool_call_id")}
    return {"type": {"user": "human", "assistant": "ai"}.get(message["role"], message["role"]), "data": data}


def _anthropic(message: dict[str, Any]) -> dict[str, Any]:
    if message["role"] == "tool":
        shown = {"type": "tool_result", "tool_use_id": message["tool_call_id"], "content": message["content"]}
        return {"role": "user", "content": [shown]}
    uses = [
        {"type": "tool_use", "id": call["id"], "name": call["function"]["name"], "input": _arguments(call)}
        for call in message.get("tool_calls", ())
    ]
    return {"role": message["role"], "content": [{"type": "text", "text": message["content"]}, *uses]}


def _atif(message: dict[str, Any], said: list[dict[str, Any]]) -> dict[str, Any]:
    made = message.get("tool_calls", ())
    step: dict[str, Any] = {
        "source": {"assistant": "agent"}.get(message["role"], message["role"]),
        "message": message["content"],
    }
    if made:
        step["tool_calls"] = [
            {"tool_call_id": call["id"], "function_name": call["function"]["name"], "arguments": _arguments(call)}
            for call in made
        ]
        results = [one for one in said if one.get("tool_call_id") in {call["id"] for call in made}]
        step["observation"] = {
            "results": [{"source_call_id": one["tool_call_id"], "content": one["content"]} for one in results]
        }
    return step


def _read(path: Path, rows: list[Any], format_: Any) -> list[Trajectory]:
    path.write_bytes(b"\n".join(as_json_lines(rows)))
    runs = [found.run for found in Logs([path], agent="desk", key=b"key", settings=LogSettings(format=format_)).runs()]
    assert all(isinstance(run, Trajectory) for run in runs), runs
    return [run for run in runs if isinstance(run, Trajectory)]


@pytest.mark.parametrize("format_", [*LINES, *ALL])
def test_conversation_logged_again_is_found_in_every_format(
    format_: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = span_conversation.CONVERSATION
    if format_ in LINES:
        rows = [LINES[format_](whole[:6]), LINES[format_](whole)]
        runs = _read(tmp_path / "log.jsonl", rows, format_)
    else:
        name, export = ALL[format_]
        runs = _read(tmp_path / "whole.jsonl", export(), name)
        monkeypatch.setattr(span_conversation, "CONVERSATION", whole[:6])
        monkeypatch.setattr(span_conversation, "TURNS", span_conversation.TURNS[:2])
        runs += _read(tmp_path / "begun.jsonl", export(), name)
    runs.sort(key=lambda run: len(run.messages))
    by_length = [
        trajectory(*run.messages, id_=name) for run, name in zip(runs, ("begun", "whole"), strict=True)
    ]  # the exporters draw ids of their own, mlflow's are equal
    summary, rows_out = select(tmp_path, {"2026-10-01": by_length})
    assert [len(run.messages) for run in runs] == [6, 8]
    assert (summary.continued_in_another, rows_out["begun"]["duplicate_of"]) == (1, "whole")


@given(runs=st.lists(st.text(alphabet="ab", min_size=1, max_size=5), max_size=12), data=st.data())
def test_continued_in_names_the_longest_then_the_first(runs: list[str], data: st.DataObject) -> None:
    """Against plain prefixes of strings; a letter stands for a message, a string's number for its hash."""
    among = [n for n in range(len(runs)) if data.draw(st.booleans())]
    ids = {text: number for number, text in enumerate(sorted({run[:end] for run in runs for end in range(1, 6)}))}
    known = np.array([ids[run] for run in runs], np.uint64)
    lists = [[ids[run[:end]] for end in range(1, len(run))] for run in runs]
    batches = [
        (
            np.array([n], np.int64),
            Sets(values=np.array(each, np.uint64), offsets=offsets_of(np.array([len(each)], np.int64))),
        )
        for n, each in enumerate(lists)
    ]
    expected = []
    for n, run in enumerate(runs):
        longer = [m for m in among if n in among and runs[m] != run and runs[m].startswith(run)]
        expected.append(max(longer, key=lambda m: (len(runs[m]), -m)) if longer else NO_MATCH)
    assert find_continuations(known, batches, among=np.array(among, np.int64)).tolist() == expected
