"""Training struck at twenty seeded points, in a real run with Dagster's retry: the adapter is as if nothing had been.

Each seed draws a kind of fault and a place; the same site serves all. `TOOLFT_FIGURES` names a file for a line a seed.
"""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import dagster as dg
import psutil
import pytest
import yaml

from toolft_pipeline.warehouse.manifest import ArtifactKey
from toolft_pipeline.warehouse.store import Warehouse, damaged_files
from toolft_pipeline_tests.conftest import HANG_S, REPOSITORY
from toolft_pipeline_tests.faults.fault_in_training import FILLER, KINDS, MEGABYTE, PLACES, Fault
from toolft_pipeline_tests.pipeline_site import DAY, Site, install

pytestmark = pytest.mark.faults

SEEDS = 20
SAVE_STEPS = 4
STEPS = 11
"""Optimizer steps of the training."""

TRAINING = {
    "epochs": 1,
    "token_budget": 5000,
    "packed_length": 256,
    "gradient_accumulation": 2,
    "save_steps": SAVE_STEPS,
    "lora_dropout": 0.05,
    "compute_type": "fp32",  # `auto` measures, and two runs on a busy machine may choose differently
}
DISK_BYTES = 128 * MEGABYTE
AT_START = REPOSITORY / "toolft_pipeline_tests" / "faults" / "at_start"
CGROUPS = Path("/sys/fs/cgroup/memory")
"""Memory cgroups of version 1; where there are none, an address space limit takes the memory."""

ADAPTER = ArtifactKey(agent="assistant", asset="qlora_adapter", partition=DAY)


@dataclass(frozen=True)
class Night:
    """A site with everything that training reads, and the adapter of a run that nothing struck."""

    site: Site
    mounted: bool
    whole: dict[str, bytes]
    temporary: frozenset[str]
    """What that run left in the folder of temporary files: torch's cache folder, one for all runs, empty."""

    @property
    def warehouse(self) -> Path:
        return self.site.root / "data" / ".warehouse"


@dataclass(frozen=True)
class Log:
    """What training did, attempt by attempt."""

    begins: list[int]
    """The step from which each attempt went on."""
    ends: list[int]
    """Every optimizer step that was finished."""
    sealed: list[int]
    """The checkpoints that the first attempt sealed."""

    @property
    def repeated(self) -> int:
        return len(self.ends) - len(set(self.ends))


def environment(site: Site, fault: Path | None) -> dict[str, str]:
    temporary = site.root / "tmp"
    temporary.mkdir(exist_ok=True)
    own = {"TMPDIR": str(temporary), "PYTHONPATH": os.pathsep.join((str(AT_START), str(REPOSITORY)))}
    return site.environment | own | ({} if fault is None else {"TOOLFT_FAULT": str(fault)})


def launch(site: Site, asset: str, fault: Path | None = None) -> psutil.Popen:
    module = "toolft_pipeline_tests.faults.launch_asset"
    with (site.root / "launch.log").open("wb") as log:
        return psutil.Popen(
            [sys.executable, "-m", module, "assistant", asset, DAY],
            cwd=site.root, env=environment(site, fault), stdout=log, stderr=log,
        )  # fmt: skip


def make(site: Site, asset: str, fault: Path | None = None) -> None:
    assert launch(site, asset, fault).wait(HANG_S) == 0, (site.root / "launch.log").read_text()


def adapter(site: Site) -> dict[str, bytes]:
    version = Warehouse(site.root / "data" / ".warehouse").current(ADAPTER)
    assert version is not None
    assert damaged_files(version) == []
    return {path.name: path.read_bytes() for path in sorted(version.file("adapter").iterdir())}


def read_log(fault: Path) -> Log:
    lines = [line.split() for line in fault.with_suffix(".log").read_text().splitlines()]
    steps: Callable[[str], list[int]] = lambda what: [int(step) for _, each, step in lines if each == what]  # noqa: E731
    first = lines[0][0]
    return Log(
        steps("begins"), steps("ends"), [int(step) for who, what, step in lines if (who, what) == (first, "sealed")]
    )


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + HANG_S
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.1)


def processes(site: Site) -> list[str]:
    """Processes of the site that are still there."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.environ().get("DAGSTER_HOME") == str(site.root) and process.status() != psutil.STATUS_ZOMBIE:
                found.append(" ".join(process.cmdline()))
        except (psutil.NoSuchProcess, psutil.AccessDenied):
            continue
    return found


def temporary_files(site: Site) -> frozenset[str]:
    folder = site.root / "tmp"
    return frozenset(path.relative_to(folder).as_posix() for path in folder.rglob("*"))


def assert_nothing_stays(night: Night) -> None:
    until(lambda: not processes(night.site))  # a guard looks for its step once a second
    folder = ADAPTER.folder(night.warehouse)
    left = [path for name in ("scratch", "staging") for path in (folder / name).glob("*")]
    left += [*night.warehouse.rglob("*.part"), *night.warehouse.rglob(FILLER)]
    assert left == []
    assert temporary_files(night.site) <= night.temporary


@pytest.fixture(scope="module")
def night(tiny_model_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Night]:
    site = install(tmp_path_factory.mktemp("night"), tiny_model_folder)
    file = site.root / "data" / "assistant" / "agent.yaml"
    file.write_text(yaml.safe_dump(yaml.safe_load(file.read_text()) | {"training": TRAINING}))
    warehouse = site.root / "data" / ".warehouse"
    warehouse.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={DISK_BYTES}", "tmpfs", str(warehouse)]
    mounted = os.getuid() == 0 and subprocess.run(mount, capture_output=True, check=False).returncode == 0
    try:
        ran = site.toolft("run", "assistant", "--data")
        assert ran.returncode == 0, ran.stdout + ran.stderr
        make(site, "training_set")
        make(site, "qlora_adapter")
        yield Night(site, mounted, adapter(site), temporary_files(site))
    finally:
        if mounted:
            subprocess.run(["umount", str(warehouse)], check=True)


@pytest.fixture
def cgroup() -> Iterator[str]:
    """A memory cgroup of 64 MB: the kernel kills a process in it that wants more. Empty if none can be made."""
    folder = CGROUPS / f"toolft-{os.getpid()}"
    try:
        folder.mkdir()
        (folder / "memory.limit_in_bytes").write_text(str(64 * MEGABYTE))
    except OSError:
        yield ""
        return
    yield str(folder)
    folder.rmdir()


@pytest.mark.parametrize("seed", range(SEEDS))
def test_training_struck_at_a_seeded_point_ends_in_the_same_bytes(
    seed: int, night: Night, cgroup: str, tmp_path: Path
) -> None:
    draw = random.Random(seed)
    kind, place, step, spare = (
        KINDS[seed % len(KINDS)],
        draw.choice(PLACES),
        draw.randrange(STEPS),
        draw.randrange(40_000),
    )
    limited = draw.random() < 0.5
    if kind == "disk_full" and not night.mounted:
        pytest.skip("a disk that can be filled is a tmpfs of its own, which only root can mount")
    path = tmp_path / "fault.json"
    disk = str(night.warehouse) if kind == "disk_full" else ""
    where = cgroup if kind == "out_of_memory" and not limited else ""
    Fault(kind=kind, place=place, step=step, spare=spare, disk=disk, cgroup=where).write(path)

    began = time.monotonic()
    make(night.site, "qlora_adapter", path)

    assert path.with_suffix(".struck").exists(), "nothing was struck"
    log = read_log(path)
    assert log.begins == [0, max(log.sealed, default=0)], "the retry goes on from the last sealed checkpoint"
    assert log.repeated <= (1 if kind in {"SIGTERM", "SIGINT"} else SAVE_STEPS)
    assert sorted(set(log.ends)) == [*range(1, STEPS + 1)]
    assert adapter(night.site) == night.whole
    assert_nothing_stays(night)
    if figures := os.environ.get("TOOLFT_FIGURES"):
        means = "cgroup" if where else ("limit" if kind == "out_of_memory" else "")
        found = {"seed": seed, "kind": kind, "means": means, "place": place, "from": step, "resumed": log.begins[1]}
        found |= {"repeated": log.repeated, "seconds": round(time.monotonic() - began, 1)}
        with Path(figures).open("a", encoding="utf-8") as file:
            file.write(json.dumps(found) + "\n")


def test_canceled_run_keeps_the_step_in_progress(night: Night, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "fault.json"
    Fault(kind="hold", place="in_step", step=6).write(path)  # a step that ends when the cancellation has come
    process = launch(night.site, "qlora_adapter", path)
    until(lambda: path.with_suffix(".struck").exists() or process.poll() is not None)
    assert process.poll() is None, (night.site.root / "launch.log").read_text()
    began = time.monotonic()
    process.send_signal(signal.SIGTERM)
    process.wait(HANG_S)
    seconds = time.monotonic() - began
    log = read_log(path)
    assert (log.begins, log.ends[-1], log.sealed[-1]) == ([0], 7, 7), "the step in progress was the last"
    monkeypatch.setenv("DAGSTER_HOME", str(night.site.root))  # the storage's folders are relative to it
    with dg.DagsterInstance.from_config(str(night.site.root)) as instance:
        (run,) = instance.get_runs(limit=1)
        assert run.status is dg.DagsterRunStatus.CANCELED
    said = (night.site.root / "launch.log").read_text()
    assert f"run {run.run_id} was canceled at assistant__qlora_adapter" in said, said
    until(lambda: not processes(night.site))

    make(night.site, "qlora_adapter", path)
    assert read_log(path).begins == [0, 7]
    assert read_log(path).repeated == 0
    assert adapter(night.site) == night.whole
    assert_nothing_stays(night)
    if figures := os.environ.get("TOOLFT_FIGURES"):
        with Path(figures).open("a", encoding="utf-8") as file:
            file.write(json.dumps({"canceled_in_s": round(seconds, 1)}) + "\n")
