from __future__ import annotations

from pathlib import Path

import pytest

from toolft_pipeline.catalog.renames import apply_renames, load_renames
from toolft_pipeline.catalog.tool import Catalog, CatalogError, Tool
from toolft_pipeline.trajectories.record import (
    Message,
    Outcome,
    OutcomeStatus,
    Role,
    Source,
    ToolCall,
    Trajectory,
    text_message,
)

CATALOG = Catalog(tools=tuple(Tool(name=name, description="", parameters={}) for name in ("find_order", "now")))


def load(tmp_path: Path, text: str) -> dict[str, str]:
    (tmp_path / "renames.yaml").write_text(text)
    return load_renames(tmp_path / "renames.yaml", catalog=CATALOG)


def test_renames_follow_a_chain_to_todays_name(tmp_path: Path) -> None:
    assert load(tmp_path, "search_order: get_order\nget_order: find_order\n") == {
        "search_order": "find_order",
        "get_order": "find_order",
    }


def test_renames_of_an_empty_file_are_none(tmp_path: Path) -> None:
    assert load(tmp_path, "# nothing yet\n") == {}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("- a\n", r"renames\.yaml: must have lines `old name: new name`"),
        ("a: 1\n", r"must have lines `old name: new name`"),
        ("a: [", r"cannot be read as YAML"),
        ("now: find_order\n", r"'now' is a tool of today's catalog; remove the line"),
        ("a: find_ordr\n", r"'a' becomes 'find_ordr', which is not in today's catalog; fix the name"),
        ("a: b\nb: a\n", r"the renames of 'a' form a cycle"),
        ("a: b\nb: c\nc: b\n", r"the renames of 'a' form a cycle"),
    ],
)
def test_renames_that_cannot_hold_are_one_line(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(CatalogError, match=message) as caught:
        load(tmp_path, text)
    assert "\n" not in str(caught.value)


def test_renames_file_that_is_missing_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(CatalogError, match=r"fix the file or catalog\.renames"):
        load_renames(tmp_path / "renames.yaml", catalog=CATALOG)


def run(name: str) -> Trajectory:
    call = ToolCall(id="1", name=name, arguments_json="{}")
    return Trajectory(
        trajectory_id="t",
        agent="a",
        source=Source(file="f", line=1, offset=0, format="openai"),
        outcome=Outcome(status=OutcomeStatus.SUCCESS),
        messages=(
            text_message(Role.USER, "get_order"),
            Message(role=Role.ASSISTANT, tool_calls=(call,)),
            Message(role=Role.TOOL, tool_call_id="1", name=name),
        ),
    )


def test_renames_change_calls_and_tool_turns_only() -> None:
    assert apply_renames(run("get_order"), renames={"get_order": "find_order"}) == run("find_order")


def test_apply_renames_of_an_untouched_run_gives_the_same_object() -> None:
    trajectory = run("now")
    assert apply_renames(trajectory, renames={"get_order": "find_order"}) is trajectory
