"""Calls that a span's message holds under a key that no reader takes (`toolInvocations`, `functionCalls`, ...).

Invariant: a turn whose calls were left unread makes no run. Messages without a key that sounds so cost one search.
"""

from __future__ import annotations

import re
from collections.abc import Collection

import msgspec
from msgspec import Raw

from toolft_pipeline.ingest.parsing.reading import UnsupportedError
from toolft_pipeline.ingest.parsing.shown_name import shown_name
from toolft_pipeline.ingest.parsing.unread_keys import holds_call

_SOUNDS_SO = re.compile(
    rb'"(?!(?:invalid_)?tool_calls"|function_call"|tool_use"|tool_result")'
    rb'\w{0,40}(?:tool|function)[_-]?(?:call|use|invocation|request|response|result)s?"\s*:',
    re.IGNORECASE,
)


def refuse_hidden_calls(message: Raw, *, known: Collection[str]) -> None:
    """Raise `UnsupportedError` where a message holds a call under a key that is not `known`."""
    if _SOUNDS_SO.search(message) is None:
        return
    given = msgspec.json.decode(message)
    for key, value in given.items() if isinstance(given, dict) else ():
        if key not in known and holds_call(value):
            raise UnsupportedError(
                f"a message holds calls under {shown_name(key)}, which is not read; log them as tool_calls"
            )
