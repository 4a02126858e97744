"""An attempt in a process of its own, for a host that kills it; it begins when a line comes.

python -m toolft_pipeline_tests.training.managed.killed_attempt PLACE ADDRESS API OUT [CANCEL]
"""

from __future__ import annotations

import sys
from pathlib import Path

from toolft_pipeline.training.managed import start_once
from toolft_pipeline_tests.training.managed.made_window import managed, train


class _Printed(list[str]):
    def append(self, line: str) -> None:
        print(line, flush=True)


if __name__ == "__main__":
    place, address, api, out, *cancel = sys.argv[1:]
    start_once.LISTING_LAG_S = 0.01
    sys.stdin.readline()
    settings = managed(address, api=api, cancel_with_run=cancel[0] if cancel else True)
    train(Path(place), settings, _Printed(), out=f"killed-{out}")
