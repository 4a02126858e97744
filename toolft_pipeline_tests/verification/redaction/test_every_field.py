"""No field of a run keeps a value: each text field gets one of its own, and all must be gone."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from toolft_pipeline.settings import RedactionSettings
from toolft_pipeline.trajectories.record import (
    Message,
    Outcome,
    OutcomeStatus,
    Part,
    Role,
    Source,
    ToolCall,
    Trajectory,
)
from toolft_pipeline.verification.redaction.run import Redactor

REDACTOR = Redactor(RedactionSettings(), key=b"test")
DIGEST = "sha256:" + "ab" * 32

KEPT = {"source", "started_at", "agent", "origin", "status", "role", "type", "mime", "image_sha256"}
"""Fields that hold no text of a user: placement, times, names from the catalog and from the settings."""

Plant = Callable[[str], str]


def run_of(plant: Plant) -> Trajectory:
    """A run whose every text field holds what `plant` makes of the field's name."""
    messages = (
        Message(role=Role.USER, content=(_part(plant("first")), _part(plant("second"))), name=plant("speaker")),
        Message(
            role=Role.ASSISTANT,
            content=(_part(plant("answer")),),
            reasoning=plant("reasoning"),
            name=plant("agentname"),
            tool_calls=(
                ToolCall(id=plant("call"), name="find", arguments_json=f'{{"who": "{plant("argument")}"}}'),
                ToolCall(id=plant("othercall"), name="find", arguments_json=f'{{"{plant("key")}": 1}}'),
            ),
        ),
        Message(role=Role.TOOL, content=(_part(plant("result")),), tool_call_id=plant("answered"), name="find"),
        Message(role=Role.SYSTEM, content=(_part(plant("system")),)),
    )
    return Trajectory(
        trajectory_id=plant("run"),
        agent="desk",
        source=Source(file="day.jsonl", line=1, offset=0, format="openai_chat"),
        task_id=plant("task"),
        task_key=plant("taskkey"),
        outcome=Outcome(status=OutcomeStatus.SUCCESS, evidence=plant("evidence")),
        messages=messages,
        tools_digest=plant("tools"),
        initial_state_ref=plant("initial"),
        final_state_ref=plant("final"),
    )


def _part(text: str) -> Part:
    return Part(type="text", text=text)


def address(field: str) -> str:
    return f"{field}.smith@firma.de"


def strings(value: Any) -> list[str]:
    """All texts of a record, dictionaries' keys and the kept fields aside."""
    if isinstance(value, dict):
        return [text for key, inner in value.items() if key not in KEPT for text in strings(inner)]
    if isinstance(value, list | tuple):
        return [text for inner in value for text in strings(inner)]
    return [value] if isinstance(value, str) else []


def test_no_text_field_keeps_a_value() -> None:
    planted: list[str] = []

    def plant(field: str) -> str:
        planted.append(field)
        return address(field)

    redacted, counts = REDACTOR.run(run_of(plant))
    left = "\n".join(strings(msgspec.to_builtins(redacted)))
    assert [field for field in planted if address(field) in left] == []
    assert counts == {"email": len(planted)}


def test_every_text_field_is_planted() -> None:
    """A field that is added to the record must be added here."""
    texts = strings(msgspec.to_builtins(run_of(address)))
    assert [text for text in texts if "@firma.de" not in text] == ["find", "find", "find"]


def test_fields_stay_in_their_places() -> None:
    """A text that is left out on one side only moves all that follow by one field."""
    redacted, _ = REDACTOR.run(run_of(address))
    expected = run_of(lambda field: REDACTOR.text(address(field)))
    assert msgspec.to_builtins(redacted) == msgspec.to_builtins(expected)


def test_digests_stay_and_what_only_begins_like_one_goes() -> None:
    run = msgspec.structs.replace(run_of(address), tools_digest=DIGEST, final_state_ref=DIGEST)
    redacted, _ = REDACTOR.run(run)
    assert (redacted.tools_digest, redacted.final_state_ref) == (DIGEST, DIGEST)
    run = msgspec.structs.replace(run, final_state_ref=f"{DIGEST} of final.smith@firma.de")
    redacted, _ = REDACTOR.run(run)
    assert redacted.final_state_ref is not None
    assert "final.smith" not in redacted.final_state_ref


def test_values_are_not_read_across_two_texts() -> None:
    """`jo` ends one message and `@firma.de` begins the next: no address stands anywhere."""
    run = run_of(lambda _field: "nothing")
    halves = (Message(role=Role.USER, content=(_part("I am jo"), _part("@firma.de is down"))),)
    run = msgspec.structs.replace(run, messages=halves)
    redacted, counts = REDACTOR.run(run)
    assert redacted is run
    assert not counts


@pytest.mark.parametrize("quoted", ["no call names hunter2secret", "hunter2secret"])
def test_text_about_a_run_is_redacted_by_what_the_run_shows(quoted: str) -> None:
    run = run_of(lambda _field: "nothing")
    asked = (Message(role=Role.USER, content=(_part("my password is hunter2secret"),)),)
    run = msgspec.structs.replace(run, messages=asked)
    assert REDACTOR.text(quoted) == quoted
    (about,) = REDACTOR.redact_texts(run, quoted)
    assert "hunter2secret" not in about
