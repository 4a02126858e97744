"""`answers`: how this agent says that something worked or failed."""

from __future__ import annotations

import re

from pydantic import field_validator

from toolft_pipeline.settings.section import Section, regular_expressions


class AnswerFormsSettings(Section):
    """How this agent says in its answers that something worked or failed, in addition to the built-in forms for
    English, German, French, Spanish, Italian and Dutch. Each form is a regular expression that matches whole words, in
    any case."""

    done: tuple[str, ...] = ()
    """Claims that something was carried out. Example: "booked you in"."""
    refused: tuple[str, ...] = ()
    """Refusals and reports of a failure. Example: "above my pay grade"."""

    @field_validator("done", "refused")
    @classmethod
    def _forms(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for pattern in regular_expressions(value):
            if re.match(pattern, ""):
                raise ValueError(f"{pattern!r} matches every answer, even an empty one; write the words that are said")
        regular_expressions(("|".join(f"(?:{pattern})" for pattern in value),))  # as they are used: no flags
        return value
