"""`verification.redaction`: what is replaced before training."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

from pydantic import Field, field_validator

from toolft_pipeline.settings.section import Section, regular_expressions


class PersonalData(StrEnum):
    """Kinds of personal data that a pattern or a checksum identifies."""

    EMAIL = "email"
    PHONE = "phone"
    CARD = "card"
    IBAN = "iban"
    NATIONAL_ID = "national_id"
    IP_ADDRESS = "ip_address"


class RedactionSettings(Section):
    """What is replaced by surrogates before training. Secrets are always replaced: no setting keeps one."""

    personal_data: tuple[PersonalData, ...] = tuple(PersonalData)
    """Kinds of personal data to replace."""
    allow: tuple[str, ...] = ()
    """Regular expressions of personal data to keep because it is public or fictitious: each must match a whole value
    or, for an e-mail address, its whole domain. Domains reserved for examples (RFC 2606) are always kept."""
    phone_regions: tuple[Annotated[str, Field(pattern=r"^[A-Z]{2}$")], ...] = ()
    """Countries (US, DE, ...) whose phone numbers are also found without a country code."""
    patterns: tuple[str, ...] = ()
    """Regular expressions of your own secrets, in RE2 syntax (no lookahead, no lookbehind): the last group is replaced,
    or the whole match if there is no group. `allow` does not apply to them."""

    @field_validator("patterns")
    @classmethod
    def _secrets(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        import re2

        options = re2.Options()
        options.log_errors = False
        for pattern in value:
            try:
                found = re2.compile(pattern, options).search("")
            except re2.error as error:
                raise ValueError(
                    f"{pattern!r} is not a valid RE2 regular expression ({error}); see google/re2's syntax"
                ) from error
            if found:
                raise ValueError(f"{pattern!r} matches the empty text; write what a secret holds at least")
        return value

    @field_validator("allow")
    @classmethod
    def _expressions(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        return regular_expressions(value)
