from __future__ import annotations

import json
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from toolft_pipeline.agent_file import load_agent
from toolft_pipeline.ingest.lines.openai_chat import read_openai_line
from toolft_pipeline.trajectories.record import Source, Trajectory
from toolft_pipeline.verification.rules.rule_set import RuleSet, first_violation, load_rules
from toolft_pipeline.verification.rules.verdict import Fault, Rule, Violation
from toolft_pipeline_tests.agents import agent
from toolft_pipeline_tests.conftest import REPOSITORY
from toolft_pipeline_tests.conversations import calls, result, says, trajectory, user

ASSISTANT = REPOSITORY / "data" / "assistant"


def judge() -> RuleSet:
    return load_rules(catalog=ASSISTANT / "catalog.json", settings=load_agent(ASSISTANT / "agent.yaml"), key=b"key")


RULES = judge()

ARGUMENTS = st.sampled_from(
    ['{"expression": "1+1"}', "{", "", r'{"expression": "\ud800"}', "null", '{"expression":1e999}']
)
CALLS = st.lists(
    st.fixed_dictionaries(
        {
            "id": st.sampled_from(["a", "b", ""]),
            "function": st.fixed_dictionaries(
                {"name": st.sampled_from(["calculate", "nothing", ""]), "arguments": ARGUMENTS}
            ),
        }
    ),
    max_size=3,
)
MESSAGES = st.lists(
    st.fixed_dictionaries(
        {"role": st.sampled_from(["system", "user", "assistant", "tool"])},
        optional={
            "content": st.none() | st.text(max_size=5) | st.just("<eos>"),
            "tool_calls": CALLS,
            "tool_call_id": st.sampled_from(["a", "b"]),
            "name": st.sampled_from(["calculate", ""]),
        },
    ),
    min_size=1,
    max_size=8,
)


@given(messages=MESSAGES)
def test_judge_any_run_that_a_reader_accepts_gets_a_finding_or_none(messages: list[dict[str, object]]) -> None:
    line = json.dumps({"messages": messages, "outcome": {"status": "success"}}).encode()
    run = read_openai_line(line, agent="a", source=Source(file="f", line=1, offset=0, format="openai"))
    assert isinstance(run, Trajectory)
    assert isinstance(first_violation(run, context=RULES.context), Violation | None)


def test_judge_first_broken_rule_names_the_verdict() -> None:
    dubious = (calls(("a", "nothing", {}), text="<eos>"), result("a", "nothing", "{}"))
    found = first_violation(trajectory(user("hi"), *dubious, says("x"), status="failure"), context=RULES.context)
    assert found is not None
    assert found.rule is Rule.CATALOG
    found = first_violation(trajectory(user("hi"), *dubious, status="failure"), context=RULES.context)
    assert found is not None
    assert found.rule is Rule.STRUCTURE


def test_judge_renames_come_from_the_file_that_the_agent_names(tmp_path: Path) -> None:
    (tmp_path / "renames.yaml").write_text("compute: calculate\n")
    settings = agent(tmp_path, catalog={"file": "catalog.json", "renames": "renames.yaml"})
    assert load_rules(catalog=ASSISTANT / "catalog.json", settings=settings, key=b"key").renames == {
        "compute": "calculate"
    }


def test_judge_unknown_tool_is_a_fault_of_the_catalog_rule() -> None:
    run = trajectory(user("hi"), calls(("a", "nothing", {})), result("a", "nothing", "{}"), says("x"))
    found = first_violation(run, context=RULES.context)
    assert found is not None
    assert found.fault is Fault.UNKNOWN_TOOL
