"""Refuse messages with tool calls under an unknown key.

Examples are `toolInvocations` and `functionCalls`.

Invariant: no run has a turn whose calls were not read. A message without such a key costs one search.
"""

from __future__ import annotations

import re
from collections.abc import Collection

import msgspec
from msgspec import Raw

from toolft_pipeline.ingest.parsing.keys_not_read import contains_tool_call
from toolft_pipeline.ingest.parsing.quotable_name import quotable_name
from toolft_pipeline.ingest.parsing.rejects import UnsupportedError

_CALL_LIKE_KEY = re.compile(
    rb'"(?!(?:invalid_)?tool_calls"|function_call"|tool_use"|tool_result")'
    rb'\w{0,40}(?:tool|function)[_-]?(?:call|use|invocation|request|response|result)s?"\s*:',
    re.IGNORECASE,
)


def refuse_hidden_calls(message: Raw, *, known: Collection[str]) -> None:
    """Raise `UnsupportedError` if a message holds a call under an unknown key."""
    if _CALL_LIKE_KEY.search(message) is None:
        return
    given = msgspec.json.decode(message)
    for key, value in given.items() if isinstance(given, dict) else ():
        if key not in known and contains_tool_call(value):
            raise UnsupportedError(
                f"a message has tool calls under the key {quotable_name(key)}, which is not read; log them as "
                "tool_calls"
            )
