"""Planted values in hostile places, against code that shares nothing with the detector."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from toolft_pipeline.settings import PersonalData, RedactionSettings
from toolft_pipeline.trajectories.record import Message, Role, Trajectory
from toolft_pipeline.verification.redaction.run import Redactor
from toolft_pipeline_tests.conversations import calls, result, says, trajectory, user
from toolft_pipeline_tests.verification.redaction.planted_values import (
    LOOK_ALIKES,
    MARKED_BY_CONTEXT,
    PERSON,
    PLANTED,
    hostile_places,
    letters_and_digits,
)

REDACTOR = Redactor(RedactionSettings(), key=b"test")


def clean(text: str) -> str:
    return REDACTOR.text(text)


def strings(value: Any) -> list[str]:
    if isinstance(value, dict):
        return [text for pair in value.items() for each in pair for text in strings(each)]
    if isinstance(value, list):
        return [text for each in value for text in strings(each)]
    return [str(value)]


@pytest.mark.parametrize(("kind", "value"), PLANTED)
def test_redactor_planted_value_is_gone_from_every_hostile_place(kind: str, value: str) -> None:
    for text, _ in hostile_places(value):
        redacted = clean(text)
        reads = redacted
        for _ in range(3):
            reads = re.sub(r"\\u([0-9a-f]{4})", lambda found: chr(int(found[1], 16)), reads).replace("\\n", "\n")
        assert letters_and_digits(value) not in letters_and_digits(reads), (kind, text, redacted)
        if text.startswith(("{", "[")):
            json.loads(redacted)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("https://shop.example/?mail=jo.smith%40firma.de&x=1", "jo.smith"),
        ("mailto:jo.smith@firma.de?subject=x", "jo.smith"),
        ("https://shop.example/call/tel:+4930901820", "901820"),
        ("https://shop.example/call?to=%2B4930901820", "901820"),
        ("to=%20jo%40firma.de", "jo%40"),
        ("card 4111 1111\n1111 1111", "4111 1111\n1111 1111"),
        ("http://8.8.4.4/x", "8.8.4.4"),
        ("jo.smith@firma.de\0jo", "jo.smith"),
        ('{"card": 4111111111111111}', "4111111111111111"),
        ('{"phone": "+49\\u002030\\u0020901820"}', "901820"),
    ],
)
def test_redactor_value_in_an_url_a_number_or_split_by_a_newline_is_gone(text: str, value: str) -> None:
    assert value not in clean(text)


@pytest.mark.parametrize(("text", "value"), MARKED_BY_CONTEXT)
def test_redactor_secret_marked_by_its_context_is_gone_and_json_stays_json(text: str, value: str) -> None:
    redacted = clean(text)
    assert value not in redacted
    assert len(redacted) == len(text)
    if text.startswith("{"):
        assert json.loads(redacted).keys() == json.loads(text).keys()


@pytest.mark.parametrize("text", LOOK_ALIKES)
def test_redactor_look_alikes_stay(text: str) -> None:
    assert clean(text) == text
    assert clean(json.dumps({"text": text})) == json.dumps({"text": text})


def test_redactor_run_without_values_is_the_same_object() -> None:
    run = trajectory(
        user("hi"), calls(("a", "get_order", {"order": "O-1"})), result("a", "get_order", "{}"), says("ok")
    )
    redacted, counts = REDACTOR.run(run)
    assert redacted is run
    assert not counts


def run_with(value: str, spelled: str) -> Trajectory:
    message = user(f"I am {value}.")
    return trajectory(
        Message(role=Role.USER, content=message.content, name=value),
        calls((f"id {value}", "find", {"who": spelled, "line": f"\n{spelled}"}), text=f"asking for {value}"),
        result(f"id {value}", "find", json.dumps([{"type": "text", "text": json.dumps({"who": spelled})}])),
        Message(role=Role.ASSISTANT, content=says(f"done for {value}").content, reasoning=f"it is {spelled}"),
        id_=f"run {value}",
        task_id=f"task {value}",
        task_key=f"find|{spelled}",
        initial_state_ref=f"desk {value}",
        final_state_ref=f"desk {spelled}",
    )


@pytest.mark.parametrize(
    ("value", "spelled"),
    [
        ("jo.smith@firma.de", "JO.Smith@FIRMA.de"),
        ("+49 30 901820", "+4930901820"),
        ("+49 30 901820", "030-901820"),
        ("+1 (202) 555-0143", "202.555.0143"),
        ("4111 1111 1111 1111", "4111-1111-1111-1111"),
        ("DE89 3704 0044 0532 0130 00", "de89370400440532013000"),
        ("390.533.447-05", "390.533.447-05"),
        ("sk-proj-abcDEF0123456789abcDEF", "sk-proj-abcDEF0123456789abcDEF"),
    ],
)
def test_redactor_spellings_of_a_value_are_spellings_of_one_surrogate_in_every_field(value: str, spelled: str) -> None:
    run = run_with(value, spelled)
    redacted, counts = REDACTOR.run(run)
    assert sum(counts.values()) == 1
    assert letters_and_digits(value) not in letters_and_digits(str(redacted))
    assert letters_and_digits(spelled) not in letters_and_digits(str(redacted))
    surrogate = redacted.messages[0].text.removeprefix("I am ").removesuffix(".")
    given_ = json.loads(redacted.messages[1].tool_calls[0].arguments_json)
    assert given_["line"] == "\n" + given_["who"]
    assert letters_and_digits(surrogate).endswith(letters_and_digits(given_["who"])[1:])
    assert re.sub(r"\w", "x", given_["who"].rpartition(".")[0]) == re.sub(r"\w", "x", spelled.rpartition(".")[0])
    inner = json.loads(json.loads(redacted.messages[2].text)[0]["text"])
    assert inner == {"who": given_["who"]}
    assert redacted.messages[1].tool_calls[0].id == redacted.messages[2].tool_call_id == f"id {surrogate}"
    assert redacted.messages[0].name == surrogate
    assert redacted.messages[3].reasoning == f"it is {given_['who']}"
    assert (redacted.trajectory_id, redacted.task_id) == (f"run {surrogate}", f"task {surrogate}")
    assert (redacted.initial_state_ref, redacted.final_state_ref) == (f"desk {surrogate}", f"desk {given_['who']}")
    assert redacted.messages[2].name == redacted.messages[1].tool_calls[0].name == "find"


def test_redactor_password_named_once_is_gone_where_it_stands_bare() -> None:
    run = trajectory(
        user("my password is hunter2secret"), calls(("a", "login", {"word": "hunter2secret"})), says("hunter2secret?")
    )
    redacted, counts = REDACTOR.run(run)
    assert "hunter2secret" not in str(redacted)
    assert dict(counts) == {"password": 1}
    word = json.loads(redacted.messages[1].tool_calls[0].arguments_json)["word"]
    assert redacted.messages[0].text == f"my password is {word}"


def test_redactor_counts_values_by_kind_and_never_shows_one() -> None:
    run = trajectory(user("a@firma.de A@FIRMA.DE b@firma.de +49 30 901820 AKIAIOSFODNN7EXAMPLE"), says("8.8.4.4"))
    _, counts = REDACTOR.run(run)
    assert dict(counts) == {"email": 2, "phone": 1, "aws_access_key": 1, "ip_address": 1}


def test_redactor_allowed_values_and_kinds_switched_off_stay_but_secrets_go() -> None:
    lenient = Redactor(
        RedactionSettings(
            allow=(r"help@firma\.de", r"(?:.*\.)?shop\.io", r"\+4930901820", "AKIA.*"), personal_data=("email", "phone")
        ),
        key=b"test",
    )
    text = "help@firma.de jo@mail.shop.io +49 30 901820 4111111111111111"
    assert lenient.text(text) == text
    changed = lenient.text("helper@firma.de AKIAIOSFODNN7EXAMPLE")
    assert "helper@" not in changed
    assert "AKIAIOSFODNN7EXAMPLE" not in changed


def test_redactor_national_phone_numbers_are_found_for_the_regions_named() -> None:
    text = "call 030 901820 on 2026-10-01 about order 1234567"
    german = Redactor(RedactionSettings(phone_regions=("DE",)), key=b"test")
    assert clean(text) == text
    assert re.fullmatch(r"call 030? \d{6,7} on 2026-10-01 about order 1234567", german.text(text))
    assert "901820" not in german.text(text)


def test_redactor_surrogates_depend_on_the_key_and_not_on_the_run() -> None:
    text = "jo.smith@firma.de +49 30 901820 4111111111111111"
    assert Redactor(RedactionSettings(), key=b"other").text(text) != clean(text)
    assert clean(f"before {text} after").removeprefix("before ").removesuffix(" after") == clean(text)


def test_redactor_second_pass_keeps_what_nobody_can_own_and_the_kinds_of_the_rest() -> None:
    for kind, value in PLANTED:
        once, counts = REDACTOR.run(trajectory(user(f"it is {value} "), says("ok")))
        twice, again = REDACTOR.run(once)
        assert dict(counts) == {kind: 1}, value
        if kind in {"email", "ip_address"}:
            assert twice is once
        elif kind != "vendor_token":
            assert dict(again) == {kind: 1}, (value, once.messages[0].text)


values_of_all_kinds = st.sampled_from([value for _, value in PLANTED])


texts = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=12)


leaves = st.one_of(texts, st.integers(), st.booleans(), st.none(), values_of_all_kinds)


documents = st.recursive(
    st.one_of(leaves, st.tuples(texts, values_of_all_kinds, texts).map(" ".join)),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4),
    max_leaves=12,
)


@settings(max_examples=150, deadline=None)
@given(documents, st.booleans())
@example({"a": "\\", "b": '\\"8.8.4.4\\\\n'}, True)
def test_redactor_json_stays_json_of_the_same_shape_and_holds_no_value(document: Any, ascii_: bool) -> None:
    text = json.dumps({"document": document, "text": json.dumps(document)}, ensure_ascii=ascii_)
    redacted = json.loads(clean(text))
    before, after = strings(json.loads(text)), strings(redacted)
    assert len(before) == len(after)
    assert json.loads(redacted["text"]) == redacted["document"]
    known = {value for _, value in PLANTED}
    written = letters_and_digits("".join(before))
    for old, new in zip(before, after, strict=True):
        assert new not in known
        if not any(letters_and_digits(value) in written for value in known):
            assert old == new


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(st.from_regex(r"[a-z]{1,2}", fullmatch=True), st.sampled_from("pq")), unique=True, max_size=60)
)
def test_redactor_different_values_of_a_run_never_share_a_surrogate(people: list[tuple[str, str]]) -> None:
    addresses = [f"{name}@{domain}.de" for name, domain in people]
    redacted = clean(" ".join(addresses)).split()
    assert len(set(redacted)) == len(addresses)
    assert not set(redacted) & set(addresses)


def test_redactor_hostile_length_is_linear_and_changes_nothing() -> None:
    for text in ("a" * 200_000 + "@test.test", "4111 " * 40_000, "DE89 " * 40_000, "\\" * 100_001, "+1" * 100_000):
        assert clean(text) == text
    assert len(set(clean(" ".join(f"+4930{number:06}" for number in range(3_000))).split())) == 3_000


def test_redactor_text_with_a_null_character_keeps_its_borders() -> None:
    run = trajectory(user("a\0b jo@firma.de 41\0"), says("5\0 0143 jo@firma.de\0"), id_="1\0")
    redacted, _ = REDACTOR.run(run)
    surrogate = redacted.messages[0].text.split()[1]
    assert redacted.messages[0].text == f"a\0b {surrogate} 41\0"
    assert redacted.messages[1].text == f"5\0 0143 {surrogate}\0"
    assert redacted.trajectory_id == "1\0"


def test_redaction_settings_kinds_are_those_of_the_planted_values() -> None:
    assert set(PERSON) == {kind.value for kind in PersonalData}


def test_redactor_secrets_of_the_agents_own_patterns_go_and_what_stands_around_them_stays() -> None:
    own = Redactor(RedactionSettings(patterns=(r"ACME-[0-9]{6}", r"badge (\w+)\.", r"Schlüssel (\w+ß)")), key=b"test")
    run = trajectory(
        user("ACME-123456, badge x7y8. Schlüssel abß"), calls(("a", "find", {"id": "ACME-123456\n"})), says("ok")
    )
    redacted, counts = own.run(run)
    assert dict(counts) == {"own_pattern": 3}
    new = re.fullmatch(r"([A-Z]{4}-\d{6}), badge ([a-z]\d[a-z]\d)\. Schlüssel [a-z]{3}", redacted.messages[0].text)
    assert new is not None
    assert new[1] != "ACME-123456"
    assert json.loads(redacted.messages[1].tool_calls[0].arguments_json) == {"id": f"{new[1]}\n"}


@pytest.mark.parametrize("pattern", ["(", "(?=x)y", "x*", "(?<!a)b"])
def test_redaction_settings_pattern_that_cannot_be_searched_for_is_refused_with_the_fix(pattern: str) -> None:
    with pytest.raises(ValueError, match=r"RE2|empty text"):
        RedactionSettings(patterns=(pattern,))
