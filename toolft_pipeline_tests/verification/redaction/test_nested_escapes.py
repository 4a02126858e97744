"""A value after an escape of JSON in JSON: it is replaced, and every level still parses."""

from __future__ import annotations

import json

import pytest

from toolft_pipeline.settings import RedactionSettings
from toolft_pipeline.verification.redaction.run import Redactor


@pytest.mark.parametrize("before", ["\n", "\t", "\r", "\b", "\f", '"', "\\", "/", " "])
@pytest.mark.parametrize("depth", range(6))
def test_redactor_value_after_an_escape_leaves_every_level_of_json_whole(depth: int, before: str) -> None:
    text = json.dumps({"mail": f"{before}jo.smith@firma.de\t"})
    for _ in range(depth):
        text = json.dumps({"inner": text})
    redacted = Redactor(RedactionSettings(), key=b"key").text(text)
    for _ in range(depth):
        redacted = json.loads(redacted)["inner"]
    mail = json.loads(redacted)["mail"]
    assert (mail[0], mail[-1]) == (before, "\t")
    assert "smith" not in mail
    assert mail.count("@") == 1
