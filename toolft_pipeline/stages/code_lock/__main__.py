"""Command line of the code lock: check it, acknowledge a change, or write it again.

    python -m toolft_pipeline.stages.code_lock check
    python -m toolft_pipeline.stages.code_lock ack STAGE [STAGE ...] [--why "one line"]
    python -m toolft_pipeline.stages.code_lock write

`ack all` records every entry that does not match. `write` asks for no reason: it is for merges of two locks.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from toolft_pipeline.stages.code_lock.code_lock import mismatches, recorded, written
from toolft_pipeline.stages.code_lock.lock_file import CodeLockError, Lock, read_lock, write_lock
from toolft_pipeline.stages.code_lock.versioned_code import versioned_code

LOCK_FILE = Path(__file__).parents[1] / "code_versions.lock"


def main(words: Sequence[str] | None = None, *, path: Path = LOCK_FILE) -> int:
    """Run one command; returns 0 where the lock describes the code, 1 where it does not."""
    parser = argparse.ArgumentParser(
        prog="code_lock", description="Compare code with the lock of code versions, or record it there."
    )
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("check", help="fail where code changed and neither its version nor the lock did")
    ack = commands.add_parser("ack", help="record a raised version, or a change that alters no output")
    ack.add_argument("stages", nargs="+", help="names of stages or nested artifacts, or `all`")
    ack.add_argument("--why", default="", help="why the change alters no output, in one line")
    commands.add_parser("write", help="record all code as it is, without asking why")
    parsed = parser.parse_args(words)
    codes = versioned_code()
    try:
        if parsed.command == "write":
            write_lock(path, written(_readable(path), codes))
        elif parsed.command == "ack":
            lock = read_lock(path)
            stages = " ".join(parsed.stages).split()
            names = [each.name for each in mismatches(lock, codes)] if stages == ["all"] else stages
            today = datetime.now(UTC).date().isoformat()
            write_lock(path, recorded(lock, codes, names, why=" ".join(parsed.why.split()), today=today))
        found = mismatches(read_lock(path), codes)
    except CodeLockError as error:
        print(error, file=sys.stderr)
        return 1
    for each in found:
        print(each, file=sys.stderr)
    return 1 if found and parsed.command == "check" else 0


def _readable(path: Path) -> Lock:
    try:
        return read_lock(path)
    except CodeLockError as error:
        print(f"{error}; its acknowledgements are dropped", file=sys.stderr)
        return Lock()


if __name__ == "__main__":
    sys.exit(main())
