"""Parse the fields next to a run's messages, in the forms that loggers write.

Invariant: a value is accepted only if its meaning is certain. A number is a time by its magnitude. A word is an outcome
only if it says success or failure; a word that says neither (completed) leaves the outcome unknown.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import msgspec
from msgspec import Raw, Struct

from toolft_pipeline.ingest.parsing.nested_json import is_too_deep
from toolft_pipeline.trajectories.record import Outcome, OutcomeStatus
from toolft_pipeline.warehouse.digest import digest_of

UNKNOWN = Outcome(status=OutcomeStatus.UNKNOWN)

_STATUS: dict[str, OutcomeStatus] = {
    **dict.fromkeys(("success", "succeeded", "successful", "passed", "pass"), OutcomeStatus.SUCCESS),
    **dict.fromkeys(("failure", "failed", "fail", "error", "errored", "unsuccessful"), OutcomeStatus.FAILURE),
    "unknown": OutcomeStatus.UNKNOWN,
}
_PLAIN = {word: Outcome(status=status) for word, status in _STATUS.items()}

_NEITHER = frozenset(
    {"completed", "complete", "done", "finished", "ended", "closed", "stopped", "stop", "ok", "partial", "pending"}
)
"""Words that say that a run ended or a request was answered, but not whether the task succeeded."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_PER_SECOND = ((1e11, 1), (1e14, 10**3), (1e17, 10**6), (1e20, 10**9))
"""Upper bounds and the units per second below them: 1e11 seconds is the year 5138, 1e11 milliseconds is 1973."""
_EARLIEST = 1e8
"""In seconds: the year 1973. A smaller number is a duration or a counter, not a time."""

_NO_ISO_8601 = "Expected ISO 8601, or seconds since 1970 as a number - at `$.started_at`"
_LONGEST_ID_BITS = 512
_TEXT_DECODER = msgspec.json.Decoder(str)


class LoggedOutcome(Struct, gc=False):
    """A run's outcome as a log writes it."""

    status: str | None = None
    evidence: str | None = None
    success: bool | None = None


def parse_outcome(logged: LoggedOutcome | str | bool | None) -> Outcome:
    """Parse an outcome: an object with `status`, one word, or a flag of success."""
    if logged is None:
        return UNKNOWN
    if isinstance(logged, bool):
        return Outcome(status=OutcomeStatus.SUCCESS if logged else OutcomeStatus.FAILURE)
    word, evidence = (logged, None) if isinstance(logged, str) else (logged.status, logged.evidence)
    if word is None and isinstance(logged, LoggedOutcome) and logged.success is not None:
        word = "success" if logged.success else "failure"
    if word is None:
        return Outcome(status=OutcomeStatus.UNKNOWN, evidence=evidence)
    if evidence is None and word in _PLAIN:
        return _PLAIN[word]
    status = _STATUS.get(word) or _STATUS.get(word.strip().lower())
    if status is not None:
        return Outcome(status=status, evidence=evidence)
    if word.strip().lower() not in _NEITHER:
        where = "$.outcome" if isinstance(logged, str) else "$.outcome.status"
        raise msgspec.ValidationError(f"Expected success, failure or unknown - at `{where}`")
    note = f"the log says {word.strip().lower()}, which is neither success nor failure"
    return Outcome(status=OutcomeStatus.UNKNOWN, evidence=evidence or note)


def parse_start_time(logged: str | int | float | None) -> str | None:
    """Parse a time into ISO 8601 in UTC with a Z.

    Takes ISO 8601 (UTC if it names no zone), or a number of seconds, milliseconds, microseconds or nanoseconds since
    1970.
    """
    if logged is None:
        return None
    if isinstance(logged, str) and not logged.isdigit():  # Python parses 13 digits as a date and a time
        return _utc(logged)
    return _of_number(logged)


def id_as_text(logged: str | int | None) -> str | None:
    """Return an id as text."""
    if not isinstance(logged, int):
        return logged
    if logged.bit_length() > _LONGEST_ID_BITS:  # Python refuses to print thousands of digits
        raise msgspec.ValidationError("Expected a shorter number as an id")
    return str(logged)


def parse_initial_state(logged: Raw) -> str | None:
    """Return the argument of the sandbox's reset tool.

    It is the logged text, or the JSON text of a logged state.
    """
    raw = bytes(logged)
    if raw == b"null":
        return None
    return _TEXT_DECODER.decode(raw) if raw.startswith(b'"') else raw.decode("utf-8")


def parse_final_state(logged: Raw) -> str | None:
    """Return the digest of a final state: as logged, or of the logged state itself.

    Raises `RecursionError` for a state that is nested too deep.
    """
    text = bytes(logged)
    if text == b"null":
        return None
    if text.startswith(b'"'):
        return _TEXT_DECODER.decode(text)
    if is_too_deep(text):
        raise RecursionError
    return f"sha256:{digest_of(msgspec.json.decode(text))}"


def _of_number(logged: str | int | float) -> str:
    try:
        number = float(logged)
    except (ValueError, OverflowError):
        raise msgspec.ValidationError(_NO_ISO_8601) from None
    unit = next((unit for bound, unit in _PER_SECOND if number < bound), None)
    if number < _EARLIEST or unit is None:
        raise msgspec.ValidationError(_NO_ISO_8601)
    return _format(_EPOCH + timedelta(microseconds=round(number * 1_000_000 / unit)))


def _utc(text: str) -> str:
    try:
        return _format(datetime.fromisoformat(text))
    except (ValueError, OverflowError):
        return _utc_of_other_forms(text.strip())


def _utc_of_other_forms(text: str) -> str:
    """Parse a time with the name of its zone, or a number with a fraction."""
    for zone in ("UTC", "GMT", "Z"):
        if text.endswith(f" {zone}"):
            try:
                return _format(datetime.fromisoformat(text.removesuffix(f" {zone}")))
            except (ValueError, OverflowError):
                raise msgspec.ValidationError(_NO_ISO_8601) from None
    return _of_number(text)


def _format(moment: datetime) -> str:
    if moment.tzinfo is not UTC:
        moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    return moment.isoformat()[: -len("+00:00")] + "Z"
