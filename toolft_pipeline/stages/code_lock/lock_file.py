"""The committed lock file: for each versioned code its version and digest, and why a change needed no new version.

Invariant: the file is written from its values alone, sorted, one line an entry, so that a change of code shows as the
lines of what it concerns.
"""

from __future__ import annotations

import json
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from toolft_pipeline.errors import FixableError

_HEAD = """\
# Version and code digest of each stage and of each nested artifact. Written by `make ack`, never by hand.
# `acknowledged`: changes of code since the version was last raised that alter no output.
"""


class CodeLockError(FixableError, ValueError):
    """The lock file cannot be read, or an acknowledgement cannot be recorded."""


@dataclass(frozen=True, kw_only=True)
class LockedCode:
    """One entry."""

    version: str
    digest: str
    acknowledged: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Lock:
    """What a lock file says."""

    code: Mapping[str, LockedCode] = field(default_factory=dict)
    modules: Mapping[str, str] = field(default_factory=dict)
    """Digest of what all entries together reach in each module: it names where code moved."""


def read_lock(path: Path) -> Lock:
    """Read a lock file; an empty lock where there is none. Raises `CodeLockError`."""
    if not path.is_file():
        return Lock()
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
        code = {
            name: LockedCode(
                version=entry["version"], digest=entry["digest"], acknowledged=tuple(entry.get("acknowledged", ()))
            )
            for name, entry in document["code"].items()
        }
        return Lock(code=code, modules=document["modules"])
    except (tomllib.TOMLDecodeError, KeyError, TypeError, AttributeError) as error:
        raise CodeLockError(
            f"{path}: cannot be read ({error!r}); resolve the merge, or write it again with "
            "`python -m toolft_pipeline.stages.code_lock write`"
        ) from error


def write_lock(path: Path, lock: Lock) -> None:
    """Write a lock file."""
    lines = [_HEAD, "[code]"]
    for name, entry in sorted(lock.code.items()):
        fields = [f"version = {_text(entry.version)}", f"digest = {_text(entry.digest)}"]
        if entry.acknowledged:
            fields.append(f"acknowledged = [{', '.join(map(_text, entry.acknowledged))}]")
        lines.append(f"{name} = {{ {', '.join(fields)} }}")
    lines += ["", "[modules]", *(f"{_text(name)} = {_text(digest)}" for name, digest in sorted(lock.modules.items()))]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def _text(value: str) -> str:
    return json.dumps(value, ensure_ascii=False)
