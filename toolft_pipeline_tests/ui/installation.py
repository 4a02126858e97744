"""A small installation that a browser looks at: a run of the whole flow, then webserver and daemon beside it."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

from toolft_pipeline_tests.conftest import HANG_S, REPOSITORY
from toolft_pipeline_tests.pipeline_site import Site, install


def filled(root: Path, model: Path) -> Site:
    """An installation whose flow has run from the command line, with a tiny model."""
    site = install(root, model)
    shutil.copy(REPOSITORY / "workspace.yaml", root)
    finished = site.run()
    assert finished.returncode == 0, finished.stdout + finished.stderr
    return site


@contextmanager
def reports_served(site: Site) -> Iterator[None]:
    """The server of the reports at the address that the site's runs linked to."""
    port = site.reports.rpartition(":")[2]
    command = [sys.executable, "-m", "toolft_pipeline.cli", "reports", "--port", port]
    with (site.root / "reports.log").open("wb") as log:
        process = subprocess.Popen(command, cwd=site.root, env=site.environment, stdout=log, stderr=log)
    try:
        _wait_for(f"{site.reports}/", process, site.root / "reports.log")
        yield
    finally:
        process.terminate()
        process.wait()


@contextmanager
def served(site: Site, command: str, *options: str) -> Iterator[str]:
    """A webserver (`dagster dev`, or `dagster-webserver`) on a free port; gives its address, and ends all of it."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port = found.getsockname()[1]
    program = [
        str(Path(sys.executable).with_name(word)) if not place else word for place, word in enumerate(command.split())
    ]
    where = ["--workspace", "workspace.yaml", "--host", "127.0.0.1", "--port", str(port), *options]
    with (site.root / "webserver.log").open("wb") as log:
        process = subprocess.Popen(
            [*program, *where], cwd=site.root, env=site.environment, stdout=log, stderr=log, start_new_session=True
        )
    address = f"http://127.0.0.1:{port}"
    try:
        _wait_for(f"{address}/server_info", process, site.root / "webserver.log")
        yield address
    finally:
        os.killpg(process.pid, signal.SIGKILL)  # `dagster dev` may ignore what is softer
        process.wait()


def _wait_for(address: str, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + HANG_S
    while time.monotonic() < deadline and process.poll() is None:
        try:
            with urlopen(address, timeout=5):
                return
        except (URLError, OSError):
            time.sleep(0.2)
    raise AssertionError(f"no server on {address}: {log.read_text(errors='replace')[-2000:]}")
