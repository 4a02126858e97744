"""Print lines to the terminal.

Invariant: text from a log, a file name or an error message cannot control the terminal or add lines: control and format
characters are printed as escapes.
"""

from __future__ import annotations

import sys
import unicodedata
from typing import TextIO


def say(*lines: str, to: TextIO | None = None) -> None:
    """Print lines to standard output or another stream; a newline within a line is printed as `\\n`."""
    for line in lines:
        print(visible(line).replace("\n", "\\n"), file=to or sys.stdout, flush=True)


def visible(text: str) -> str:
    """Escape control and format characters, except newlines and tabs."""
    return "".join(
        char if char in "\n\t" or unicodedata.category(char) not in {"Cc", "Cf", "Cs"} else ascii(char)[1:-1]
        for char in text
    )
