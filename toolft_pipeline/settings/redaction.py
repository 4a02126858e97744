"""`verification.redaction`: what is replaced before anything is trained on."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

from pydantic import Field, field_validator

from toolft_pipeline.settings.section import Section, regular_expressions


class PersonalData(StrEnum):
    """Kinds of personal data that a form or a checksum gives away."""

    EMAIL = "email"
    PHONE = "phone"
    CARD = "card"
    IBAN = "iban"
    NATIONAL_ID = "national_id"
    IP_ADDRESS = "ip_address"


class RedactionSettings(Section):
    """What is replaced by surrogates before anything is trained on it. Secrets always are: no setting keeps one."""

    personal_data: tuple[PersonalData, ...] = tuple(PersonalData)
    """Kinds that are replaced."""
    allow: tuple[str, ...] = ()
    """Regular expressions of personal data that stays, because it is public or made up: each must match a whole value
    or, for an e-mail address, its whole domain. Domains reserved for examples (RFC 2606) stay anyhow."""
    phone_regions: tuple[Annotated[str, Field(pattern=r"^[A-Z]{2}$")], ...] = ()
    """Countries (US, DE, ...) whose phone numbers are also found where they stand without their country's code."""
    patterns: tuple[str, ...] = ()
    """Regular expressions of secrets of your own, in RE2's syntax (no looking ahead or back): what the last group holds
    is replaced, or the whole match where there is none. They go like any secret, whatever `allow` says."""

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
                    f"{pattern!r} is no regular expression of RE2 ({error}): see google/re2's syntax"
                ) from error
            if found:
                raise ValueError(f"{pattern!r} matches the empty text: say what it must hold at least")
        return value

    @field_validator("allow")
    @classmethod
    def _expressions(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        return regular_expressions(value)
