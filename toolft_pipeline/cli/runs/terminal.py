"""What the command line says to a person.

Invariant: what a log, a file's name or an error message holds cannot steer the terminal or forge a line of its own:
control and format characters are shown as escapes, and every line that is printed is one that a command means as one.
"""

from __future__ import annotations

import sys
import unicodedata
from typing import TextIO


def say(*lines: str, to: TextIO | None = None) -> None:
    """Print lines, to standard output unless another stream is given; a newline within a line is shown as `\\n`."""
    for line in lines:
        print(visible(line).replace("\n", "\\n"), file=to or sys.stdout, flush=True)


def visible(text: str) -> str:
    """A text whose control and format characters are written as escapes, but for newlines and tabs."""
    return "".join(
        char if char in "\n\t" or unicodedata.category(char) not in {"Cc", "Cf", "Cs"} else ascii(char)[1:-1]
        for char in text
    )
