from __future__ import annotations

import msgspec
import pytest
from msgspec import Raw

from toolft_pipeline.ingest.parsing.logged_values import (
    LoggedOutcome,
    id_as_text,
    parse_final_state,
    parse_initial_state,
    parse_outcome,
    parse_start_time,
)

MOMENT = "2025-10-09T08:53:20"


@pytest.mark.parametrize(
    ("logged", "expected"),
    [
        (1760000000, f"{MOMENT}Z"),
        (1760000000.5, f"{MOMENT}.500000Z"),
        (1760000000123, f"{MOMENT}.123000Z"),
        (1760000000123456, f"{MOMENT}.123456Z"),
        (1760000000123456789, f"{MOMENT}.123457Z"),
        ("1760000000", f"{MOMENT}Z"),
        ("1760000000.5", f"{MOMENT}.500000Z"),
        ("2026-10-01 10:00:00 UTC", "2026-10-01T10:00:00Z"),
        ("2026-10-01T10:00:00.123456789Z", "2026-10-01T10:00:00.123456Z"),
        ("2026-10-01T10:00:00+02:00", "2026-10-01T08:00:00Z"),
        ("2026-10-01", "2026-10-01T00:00:00Z"),
        (None, None),
    ],
)
def test_start_time_is_parsed_by_form_and_magnitude(logged: str | int | float | None, expected: str | None) -> None:
    found = parse_start_time(logged)
    assert found is None or found[:23] == (expected or "")[:23]
    assert (found is None) == (expected is None)


@pytest.mark.parametrize("logged", ["yesterday", 12.5, 0, -1760000000, 1e30, "", "1e400", 10**400])
def test_invalid_start_time_is_refused(logged: str | float) -> None:
    with pytest.raises(msgspec.ValidationError, match="started_at"):
        parse_start_time(logged)


@pytest.mark.parametrize(
    ("logged", "status"),
    [
        ("success", "success"),
        ("Succeeded", "success"),
        (True, "success"),
        (LoggedOutcome(status="PASSED"), "success"),
        (LoggedOutcome(success=True), "success"),
        (LoggedOutcome(success=False), "failure"),
        ("failed", "failure"),
        ("error", "failure"),
        (False, "failure"),
        ("completed", "unknown"),
        (LoggedOutcome(status="done"), "unknown"),
        (LoggedOutcome(), "unknown"),
        (None, "unknown"),
    ],
)
def test_outcome_is_success_only_where_a_log_says_so(logged: LoggedOutcome | str | bool | None, status: str) -> None:
    assert parse_outcome(logged).status == status


def test_outcome_word_without_result_is_kept_as_evidence() -> None:
    assert "completed" in (parse_outcome("completed").evidence or "")
    assert parse_outcome(LoggedOutcome(status="failed", evidence="no stock")).evidence == "no stock"


@pytest.mark.parametrize("logged", ["splendid", LoggedOutcome(status="my secret")])
def test_unknown_outcome_word_is_refused_without_quoting(logged: LoggedOutcome | str) -> None:
    with pytest.raises(msgspec.ValidationError) as error:
        parse_outcome(logged)
    assert "success, failure or unknown" in str(error.value)
    assert "secret" not in str(error.value)


def test_ids_may_be_numbers_of_a_usual_length() -> None:
    assert (id_as_text(725653563933458432), id_as_text("a"), id_as_text(None)) == (
        "725653563933458432",
        "a",
        None,
    )
    with pytest.raises(msgspec.ValidationError):
        id_as_text(10**5000)


def test_logged_initial_state_is_its_json_text() -> None:
    assert parse_initial_state(Raw(b'{"db": 1}')) == '{"db": 1}'
    assert parse_initial_state(Raw(b'"seed"')) == "seed"
    assert parse_initial_state(Raw(b"null")) is None


def test_logged_final_state_digest_ignores_key_order() -> None:
    assert parse_final_state(Raw(b'{"a":1,"b":2}')) == parse_final_state(Raw(b'{"b": 2, "a": 1}'))
    assert parse_final_state(Raw(b'"sha256:x"')) == "sha256:x"
