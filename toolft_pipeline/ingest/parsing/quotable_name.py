"""Names of a log (of roles, parts and keys) as a message may quote them.

Invariant: only what reads like a name is quoted: words of letters. What has digits, addresses and long texts may be
somebody's secret, and a reject's reason is shown to people who may not read the log.
"""

from __future__ import annotations

import re

_NAME = re.compile(r"[$_]?[A-Za-z]+(?:[ ._/:-][A-Za-z]+)*_?")
_LONGEST = 40

UNQUOTABLE = "(a name that is not shown)"


def quotable_name(name: object) -> str:
    """The name in backticks, or words that stand for it."""
    if isinstance(name, str) and len(name) <= _LONGEST and _NAME.fullmatch(name):
        return f"`{name}`"
    return UNQUOTABLE
