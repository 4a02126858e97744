from __future__ import annotations

import re

import pytest

from toolft_pipeline.verification.redaction import redact, redact_text
from toolft_pipeline_tests.conversations import calls, result, says, trajectory, user

KEY = b"test"
SECRETS = [
    "sk-proj-abcDEF0123456789abcDEF",
    "AKIAIOSFODNN7EXAMPLE",
    "ghp_0123456789abcdefABCDEF0123456789abcd",
    "xoxb-1234567890-abcdefghij",
    "AIzaSyA0123456789abcdefghijklmnopqrstuv",
    "sk_live_0123456789abcdef",
    "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.abcdefghijklmnop",
]


@pytest.mark.parametrize("secret", SECRETS)
def test_redaction_secret_becomes_another_of_the_same_shape(secret: str) -> None:
    text, found = redact_text(f"my key is {secret}.", key=KEY)
    surrogate = text.removeprefix("my key is ").removesuffix(".")
    assert found == 1
    assert surrogate != secret
    assert re.sub(r"[a-z]", "a", re.sub(r"[A-Z]", "A", re.sub(r"\d", "0", surrogate))) == re.sub(
        r"[a-z]", "a", re.sub(r"[A-Z]", "A", re.sub(r"\d", "0", secret))
    )
    assert surrogate[:3] == secret[:3]


def test_redaction_one_secret_has_one_surrogate_everywhere_in_a_run() -> None:
    secret = SECRETS[0]
    run = trajectory(
        user(f"use {secret}"),
        calls(("a", "login", {"key": secret})),
        result("a", "login", f'{{"key":"{secret}"}}'),
        says(f"done with {secret}"),
        task_key=f"login|{secret}",
    )
    redacted, places = redact(run, key=KEY)
    text = str(redacted)
    assert secret not in text
    assert places == 5
    surrogate = redacted.messages[0].text.removeprefix("use ")
    assert text.count(surrogate) == 5


def test_redaction_surrogate_depends_on_the_key() -> None:
    assert redact_text(SECRETS[0], key=b"one") != redact_text(SECRETS[0], key=b"two")


@pytest.mark.parametrize(
    "text", ["task-0123456789abcdef0123", "risk-assessment-of-the-year-2026", "order AKIA", "sku sk-12", "ghp_short"]
)
def test_redaction_ordinary_words_are_left_alone(text: str) -> None:
    assert redact_text(text, key=KEY) == (text, 0)


def test_redaction_run_without_secrets_is_the_same_object() -> None:
    run = trajectory(user("hi"), says("hello"))
    assert redact(run, key=KEY) == (run, 0)
    assert redact(run, key=KEY)[0] is run
