"""`toolft`: create a project, check logs, run an agent's pipeline, show versions and their lineage, serve a model, roll
one back, delete old versions, diagnose the installation.

Exit status: 0 done or nothing to do; 1 a stage failed or something that it needs is missing, or `lint`, `lineage` or
`doctor` found a problem; 2 usage error, or `lint` could not read a file; 130 or 143 after Ctrl-C or SIGTERM (`serve`
ends with 0 when it has finished what ran).
"""

from __future__ import annotations

import argparse
import os
import shlex
import signal
import sys

from toolft_pipeline.agent_file import MissingError, SettingsError
from toolft_pipeline.cli.parser import make_parser
from toolft_pipeline.cli.runs.interruption import Interruption, interruptible
from toolft_pipeline.cli.runs.terminal import say
from toolft_pipeline.errors import FixableError, UsageError
from toolft_pipeline.project import ProjectError


def main(arguments: list[str] | None = None) -> None:
    """Entry point of the console script."""
    try:
        status = run(arguments)
        sys.stdout.flush()
    except BrokenPipeError:  # the reader closed the pipe (`| head`); nothing may be written to it at exit
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        status = 128 + signal.SIGPIPE
    sys.exit(status)


def run(arguments: list[str] | None = None) -> int:
    """Parse and execute one command; returns the exit status."""
    words = sys.argv[1:] if arguments is None else arguments
    parsed = make_parser(__doc__).parse_args(words)
    with interruptible() as interruption:
        parsed.interruption = interruption
        return _execute(parsed, words, interruption)


def _execute(parsed: argparse.Namespace, words: list[str], interruption: Interruption) -> int:
    try:
        return int(parsed.command(parsed))
    except SettingsError as error:
        say(*(f"toolft: {line}" for line in error.lines), to=sys.stderr)
        return 1 if isinstance(error, MissingError) else 2
    except (UsageError, ProjectError) as error:
        say(f"toolft: {error}", to=sys.stderr)
        return 2
    except KeyboardInterrupt:
        again = shlex.join(["toolft", *words])
        say(f"toolft: {interruption.text}; what is done is kept, `{again}` continues from there", to=sys.stderr)
        return interruption.status
    except FixableError as error:
        say(f"toolft: {error}", to=sys.stderr)
        return 1
