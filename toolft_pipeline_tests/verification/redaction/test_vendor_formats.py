"""A made-up key of every vendor, in every text of a run: a stand-in of its format comes out, once and for all."""

from __future__ import annotations

import json
import re

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from toolft_pipeline.settings import RedactionSettings
from toolft_pipeline.verification.redaction.run import Redactor
from toolft_pipeline.verification.redaction.vendor_formats import VENDOR_FORMATS, VendorFormat
from toolft_pipeline_tests.conversations import calls, result, says, trajectory, user
from toolft_pipeline_tests.vendor_keys import PREFIX, VENDOR_KEYS

REDACTOR = Redactor(RedactionSettings(), key=b"test")

SHAPE = str.maketrans("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789", "A" * 26 + "a" * 26 + "0" * 10)

OLDER = {
    "openai_key",
    "aws_access_key",
    "github_token",
    "slack_token",
    "google_api_key",
    "stripe_key",
    "json_web_token",
}
"""Kinds whose stand-ins are not known again."""

NO_KEYS = [
    "3f786850e387550fdaab836ed7e6dc881de23001 and 3f78685, tree 89e6c98d92887913cadf06b2adb97f26cde4849b",
    "sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08, md5 d41d8cd98f00b204e9800998ecf8427e",
    "550e8400-e29b-41d4-a716-446655440000, req_011CSHoEeqs5C35K2UUqR7Fy, call_abcDEF0123456789abcDEF01",
    "chatcmpl-9x2aFQe8b0nXk3VtJ6yM1zRcW5uHd, toolu_01A09q90qw90lq917835lq9, run-20261001-0042, msg_0123456789abcdef",
    "order O-20261001-0042, ticket T-4824, customer C-1042, invoice INV-2026-000123, tracking 1Z999AA10123456784",
    "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==",
    "npm_config_registry, npm_lifecycle_event=test, hf_hub_download, hf_transfer_enabled_by_default_in_this_image",
    "gsk_annual_report, re_opened_by_the_customer_on_tuesday, sl.no, dapi-client, ya29, xai-grok, r8_, tvly-search",
    "pat-na1-region, sk-learn-compatible-estimators, whsec_test, figd_, shpat_token, glc_id, pul-request, p8e-page",
    "https://hooks.slack.com/services/ and https://discord.com/api/webhooks/ need a key, hooks.slack.com/services/T0/B",
    "PROD-EAST-A3-ROOM-12, A3-PAPER-SIZE, LTAI, AKCP, EZAK, EAAC, ATATT3, NRAK-, PMAK-, HRKU-AA, CFPAT-, GOCSPX-",
    "1//0 is no number, path/1//2, dp.pt., dt0c01., hvs., sha256~, v1.0-rc1, lin_api_, ntn_2026, pplx-70b-online",
]
"""What stands in tickets, traces and build logs and is nobody's key."""


@pytest.mark.parametrize("format_", VENDOR_FORMATS, ids=lambda format_: format_.vendor)
def test_vendor_format_has_a_made_up_key(format_: VendorFormat) -> None:
    keys = [key for key in VENDOR_KEYS.values() if re.search(format_.pattern, key)]
    assert keys, f"{format_.vendor}: add a made-up key to toolft_pipeline_tests/vendor_keys.py"


def test_vendor_keys_differ_from_each_other() -> None:
    assert len(set(VENDOR_KEYS.values())) == len(VENDOR_KEYS)


@pytest.mark.parametrize("vendor", VENDOR_KEYS)
def test_vendor_formats_key_in_every_text_of_a_run_gets_one_stand_in_of_its_format(vendor: str) -> None:
    key = VENDOR_KEYS[vendor]
    run = trajectory(
        user(f"Here is my key: {key}. Please try it."),
        calls(("a", "connect", {"key": key, "env": f"SERVICE={key}\nMODE=1", "list": [key, f"\n{key}\t"]})),
        result(
            "a", "connect", json.dumps({"text": json.dumps({"sent": f"key {key}"}), "url": f"https://x.test/?k={key}"})
        ),
        says(f"I tried `{key}` and it worked."),
        id_=f"run {key}",
    )
    redacted, counts = REDACTOR.run(run)
    assert key not in repr(redacted)
    assert sum(counts.values()) == 1, counts
    arguments = json.loads(redacted.messages[1].tool_calls[0].arguments_json)
    new = arguments["key"]
    assert new.startswith(PREFIX[vendor])
    assert new.translate(SHAPE) == key.translate(SHAPE)
    assert redacted.messages[0].text == f"Here is my key: {new}. Please try it."
    assert arguments == {"key": new, "env": f"SERVICE={new}\nMODE=1", "list": [new, f"\n{new}\t"]}
    text = json.loads(redacted.messages[2].text)
    assert text == {"text": json.dumps({"sent": f"key {new}"}), "url": f"https://x.test/?k={new}"}
    assert redacted.messages[3].text == f"I tried `{new}` and it worked."
    assert redacted.trajectory_id == f"run {new}"


@pytest.mark.parametrize("vendor", [vendor for vendor, key in VENDOR_KEYS.items() if re.search(r"[0-9a-f]{32}$", key)])
def test_vendor_formats_stand_in_of_a_hexadecimal_key_is_hexadecimal(vendor: str) -> None:
    """Else an argument's schema that says so would refuse it."""
    assert re.search(r"[0-9a-f]{32}$", REDACTOR.text(VENDOR_KEYS[vendor]))


@pytest.mark.parametrize("text", NO_KEYS)
def test_vendor_formats_what_is_no_key_stays(text: str) -> None:
    assert REDACTOR.text(text) == text
    assert REDACTOR.text(json.dumps({"text": text})) == json.dumps({"text": text})


around = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=20)
marks = st.sampled_from(["", "\n", "\t", '"', "'", "=", ": ", "/", "\\", "_", "-", ".", "(", "「", "é ", "\u2028"])
PLACES = [
    "{}",
    "Authorization: Bearer {}",
    "https://user:{}@db.internal:5432/x",
    "https://api.test/v1?key={}&page=2",
    "export SERVICE_API_KEY={}",
    "SERVICE_TOKEN='{}'",
    '{{"password": "{}"}}',
    "curl -u me:{} https://api.test",
    "my key is {}, thanks",
]
"""How keys are introduced; the webhooks stand in none of these but as they are."""


def escaped(text: str, way: str) -> str:
    """JSON text of a text: as its writer chose, with every character as a unicode escape, or in JSON once more."""
    if way == "unicode":
        return '"' + "".join(f"\\u{ord(char):04x}" if ord(char) < 0x10000 else char for char in text) + '"'
    if way == "slashes":
        return json.dumps(text).replace("/", "\\/")
    if way == "twice":
        return json.dumps({"text": json.dumps([text])})
    return json.dumps(text, ensure_ascii=way == "ascii")


def read(text: str) -> str:
    """JSON text read to the bottom."""
    value = json.loads(text)
    return json.loads(value["text"])[0] if isinstance(value, dict) else value


@settings(max_examples=100, deadline=None)
@example(vendor="Figma", place="{}", before="\\", after="", way="ascii")
@example(vendor="npm", place="{}", before="C:\\", after="", way="twice")
@given(
    vendor=st.sampled_from(sorted(VENDOR_KEYS)),
    place=st.sampled_from(PLACES),
    before=st.tuples(around, marks).map("".join),
    after=st.tuples(marks, around).map("".join),
    way=st.sampled_from(["ascii", "plain", "unicode", "slashes", "twice"]),
)
def test_vendor_formats_key_is_gone_whatever_stands_around_it_and_however_it_is_escaped(
    vendor: str, place: str, before: str, after: str, way: str
) -> None:
    key = VENDOR_KEYS[vendor]
    if re.match(r"[A-Za-z0-9]$", before[-1:]):  # a key begins where a word does
        before += " "
    text = before + (key if "://" in key else place.format(key)) + after
    run = trajectory(user(text), calls(("a", "find", escaped(text, way))), result("a", "find", escaped(text, way)))
    redacted, counts = REDACTOR.run(run)
    texts = [redacted.messages[0].text, read(redacted.messages[1].tool_calls[0].arguments_json)]
    texts.append(read(redacted.messages[2].text))
    assert counts
    assert not [text for text in texts if key in text]
    assert key not in repr(redacted)


@pytest.mark.parametrize("vendor", VENDOR_KEYS)
def test_vendor_formats_redacting_again_changes_nothing_more(vendor: str) -> None:
    """But for kinds whose stand-ins training sets held before they were sealed."""
    text = [place.format(VENDOR_KEYS[vendor]) for place in PLACES if "://" not in VENDOR_KEYS[vendor] or place == "{}"]
    once, counts = REDACTOR.run(trajectory(*map(user, text), says("ok")))
    twice, again = REDACTOR.run(once)
    if set(counts) == {"vendor_token"}:
        assert twice is once
        assert not again
    else:
        assert set(counts) & OLDER, counts


def test_vendor_formats_stand_in_is_known_again_only_with_the_key_that_drew_it() -> None:
    once = REDACTOR.text(VENDOR_KEYS["Groq"])
    assert REDACTOR.text(once) == once
    assert Redactor(RedactionSettings(), key=b"other").text(once) != once
