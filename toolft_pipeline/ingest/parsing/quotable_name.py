"""Names from a log (roles, part types, keys) that a message may quote.

Invariant: only words made of letters are quoted. Text with digits, addresses and long text may be somebody's secret,
and people who may not read the log can read its reject reasons.
"""

from __future__ import annotations

import re

_NAME = re.compile(r"[$_]?[A-Za-z]+(?:[ ._/:-][A-Za-z]+)*_?")
_LONGEST = 40

UNQUOTABLE = "(a name that is not shown)"


def quotable_name(name: object) -> str:
    """Return the name in backticks, or a placeholder."""
    if isinstance(name, str) and len(name) <= _LONGEST and _NAME.fullmatch(name):
        return f"`{name}`"
    return UNQUOTABLE
