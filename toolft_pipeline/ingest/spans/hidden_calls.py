"""Calls that a span's message holds under a key that no reader takes (`toolInvocations`, `functionCalls`, ...).

Invariant: a turn whose calls were left unread makes no run. Messages without a key that sounds so cost one search.
"""

from __future__ import annotations

import re
from collections.abc import Collection

import msgspec
from msgspec import Raw

from toolft_pipeline.ingest.parsing.keys_not_read import contains_tool_call
from toolft_pipeline.ingest.parsing.quotable_name import quotable_name
from toolft_pipeline.ingest.parsing.reading import UnsupportedError

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
        if key not in known and contains_tool_call(value):
            raise UnsupportedError(
                f"a message holds calls under {quotable_name(key)}, which is not read; log them as tool_calls"
            )
