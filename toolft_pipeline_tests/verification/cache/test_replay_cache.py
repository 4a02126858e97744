"""A cached replay is one that would pass again: its key changes with all that replay reads, and with nothing else."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest

from toolft_pipeline.agent_file import load_agent
from toolft_pipeline.trajectories.record import Source, Trajectory
from toolft_pipeline.verification.cache.replay_cache import ReplayCache, load_replay_cache
from toolft_pipeline.verification.rules.rule_set import load_rules
from toolft_pipeline.verification.rules.state_grounding import ungrounded_values
from toolft_pipeline_tests.conversations import calls, result, says, trajectory, user


def run(**changes: Any) -> Trajectory:
    asked = calls(("a", "search", {"query": "x"}))
    fields = {"initial_state_ref": "s", "final_state_ref": "sha256:1"} | changes
    return trajectory(user("find x"), asked, result("a", "search", "[]"), says("Nothing."), **fields)


def cache(**digests: str) -> ReplayCache:
    return ReplayCache(context="c", tool_digests=digests or {"search": "1"})


@pytest.mark.parametrize(
    "other",
    [
        run(initial_state_ref="t"),
        run(final_state_ref="sha256:2"),
        msgspec.structs.replace(run(), messages=run().messages[:-1]),
    ],
)
def test_key_changes_with_what_replay_reads_of_the_run(other: Trajectory) -> None:
    assert cache().key(other) != cache().key(run())


def test_key_stays_for_a_run_that_moved_or_was_judged_otherwise() -> None:
    moved = run(id_="other", status="failure", golden=True)
    moved = msgspec.structs.replace(moved, source=Source(file="f", line=9, offset=99, format="atif"))
    assert cache().key(moved) == cache().key(run())


def test_key_changes_with_schemas_of_called_tools_alone() -> None:
    catalogs = ({"search": "1"}, {"search": "1", "mail": "1"}, {"search": "2"}, {"mail": "1"})
    keys = [cache(**digests).key(run()) for digests in catalogs]
    assert keys[0] == keys[1]
    assert len(set(keys)) == 3


def test_key_changes_with_words_only_where_they_ground_a_value() -> None:
    named = trajectory(
        user("Buy one."), calls(("a", "search", {"query": "Night Book"})), result("a", "search", "[]"), says("Nothing.")
    )

    def key(words: str, of: Trajectory) -> str:
        return cache().key(of, ungrounded=ungrounded_values(of.messages, schemas={"search": {"description": words}}))

    assert key("Look.", named) == key("Look again.", named) != key("Look in the Night Book.", named)
    assert key("Look.", run()) == key("Look in the Night Book.", run())


@pytest.mark.parametrize(
    "changed", [{"sandbox.volatile": "[x]"}, {"sandbox.reset_tool": "other"}, {"verification.grounding": "false"}]
)
def test_context_changes_with_what_replay_reads_of_settings(assistant_folder: Path, changed: dict[str, str]) -> None:
    def context(overrides: dict[str, str], backend: str = "b") -> str:
        settings = load_agent(assistant_folder / "agent.yaml", overrides=overrides)
        rules = load_rules(catalog=assistant_folder / "catalog.json", settings=settings, key=b"key")
        return load_replay_cache(rules, backend=backend, folder=None).context

    assert context({}) == context({"sandbox.sessions": "1", "verification.max_turns": "9"})
    assert context(changed) != context({}) != context({}, backend="c")
