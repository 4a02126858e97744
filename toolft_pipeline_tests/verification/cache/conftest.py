from __future__ import annotations

from pathlib import Path

import pytest

from toolft_pipeline.agent_file import load_agent
from toolft_pipeline_tests.verification.cache.site import Site


@pytest.fixture
def site(assistant_folder: Path, tmp_path: Path) -> Site:
    return Site(load_agent(assistant_folder / "agent.yaml", overrides={"sandbox.sessions": "1"}), tmp_path)
