"""What a build really runs is what its digest covers."""

from __future__ import annotations

import sys
import threading
from dataclasses import replace
from pathlib import Path
from types import FrameType

import pytest

import toolft_pipeline
from toolft_pipeline.agent_file import load_agent
from toolft_pipeline.stages.spec.run_stage import run_stage
from toolft_pipeline.stages.stages import STAGES
from toolft_pipeline.warehouse.code_graph import Node, Package
from toolft_pipeline.warehouse.store import Warehouse

ROOT = Path(str(toolft_pipeline.__file__)).parent
TRACED = ("tool_catalog", "raw_trajectories", "verified_trajectories", "run_signatures")
"""Stages that need no model: with the replay on a backend, in threads, they run most kinds of code."""


def traced(build, seen: set[tuple[str, str]]):  # type: ignore[no-untyped-def]
    """A build that notes each function of the package that runs meanwhile, as its file and qualified name."""

    def note(frame: FrameType, _event: str, _argument: object) -> None:
        if frame.f_code.co_filename.startswith(f"{ROOT}/"):
            seen.add((frame.f_code.co_filename, frame.f_code.co_qualname))

    def run(context: object) -> object:
        before = sys.gettrace()
        threading.settrace(note)
        sys.settrace(note)
        try:
            return build(context)
        finally:
            sys.settrace(before)
            threading.settrace(before)  # type: ignore[arg-type]

    return run


def test_every_function_that_runs_is_reached(
    assistant_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TOOLFT_HMAC_KEY", "key")
    settings, warehouse = load_agent(assistant_folder / "agent.yaml"), Warehouse(tmp_path / "warehouse")
    package = Package(top="toolft_pipeline", root=ROOT)
    for stage in STAGES:
        if stage.asset not in TRACED:
            continue
        seen: set[tuple[str, str]] = set()
        following = replace(stage, build=traced(stage.build, seen))
        run_stage(following, settings, settings.first_day, warehouse, progress=lambda _line: None, run_id=None)
        nodes = package.reached((Node(stage.build.__module__, stage.build.__name__),))
        reached = {(node.module, node.name) for node in nodes}
        missed = []
        for file, qualified in seen:
            module = ".".join(["toolft_pipeline", *Path(file).relative_to(ROOT).with_suffix("").parts])
            module = module.removesuffix(".__init__")
            top, *rest = qualified.removesuffix(".<locals>").split(".")
            names = {top, ".".join([top, *rest[:1]])}
            if not top.startswith("<") and not any((module, name) in reached for name in names):
                missed.append(f"{stage.asset}: {module}.{qualified}")
        assert len(seen) > 20
        assert not missed, "\n".join(sorted(missed))
