"""The GGUF file inside an installed distribution, whole or in chunks.

Invariant: only the distribution's record of its files is read; its code is never imported (a model package may import
an inference engine).
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path

from toolft_pipeline.errors import FixableError

BLOCK_BYTES = 1 << 22


class BaseModelError(FixableError, ValueError):
    """The base model cannot be used; one line that names the source and the fix."""


@dataclass(frozen=True, kw_only=True)
class PackagedGguf:
    """One GGUF file: its name, and the chunk files that make it up, in order."""

    name: str
    chunks: tuple[Path, ...]

    def blocks(self) -> Iterator[bytes]:
        """Stream the bytes of the whole file, 4 MB at a time."""
        for chunk in self.chunks:
            with chunk.open("rb") as file:
                while block := file.read(BLOCK_BYTES):
                    yield block

    def sha256(self) -> str:
        """Digest of the whole file."""
        digest = hashlib.sha256()
        for block in self.blocks():
            digest.update(block)
        return digest.hexdigest()

    def as_one_file(self, folder: Path) -> Path:
        """The path of the whole file: the installed one, or the chunks joined in `folder`."""
        if len(self.chunks) == 1:
            return self.chunks[0]
        path = folder / self.name
        with path.open("wb") as file:
            for block in self.blocks():
                file.write(block)
        return path


def find_gguf(package: str) -> PackagedGguf:
    """The one GGUF file of a distribution, or of the chunk distributions that it requires.

    Raises `BaseModelError` if the distribution is not installed, or has no such file or several.
    """
    owner = _distribution(package, wanted_by=package)
    whole = _files(owner, r"\.gguf$")
    if len(whole) > 1:
        names = ", ".join(path.name for path in whole)
        raise BaseModelError(
            f"base_model.package {package}: {len(whole)} GGUF files ({names}); name a package with one"
        )
    if whole:
        return PackagedGguf(name=whole[0].name, chunks=(whole[0],))
    parts = [_distribution(name, wanted_by=package) for name in _required(owner)]
    chunks = sorted((path for part in (owner, *parts) for path in _files(part, r"\.gguf\.part\d+$")), key=_chunk_order)
    if not chunks:
        raise BaseModelError(f"base_model.package {package}: has no .gguf file; name a package that has one")
    files = {path.name.rpartition(".")[0] for path in chunks}
    numbers = [_chunk_order(path) for path in chunks]
    if len(files) != 1 or numbers != list(range(numbers[0], numbers[0] + len(numbers))):
        names = ", ".join(path.name for path in chunks)
        raise BaseModelError(
            f"base_model.package {package}: the chunks do not make up one file ({names}); install it again"
        )
    return PackagedGguf(name=files.pop(), chunks=tuple(chunks))


def _distribution(name: str, *, wanted_by: str) -> Distribution:
    try:
        return distribution(name)
    except PackageNotFoundError as error:
        raise BaseModelError(
            f"base_model.package {wanted_by}: distribution {name} is not installed; pip install {wanted_by}"
        ) from error


def _required(owner: Distribution) -> list[str]:
    """Requirements whose names begin with the distribution's own name: its chunks."""
    name = owner.metadata["Name"].lower().replace("_", "-")
    required = (re.split(r"[^A-Za-z0-9._-]", text, maxsplit=1)[0] for text in owner.requires or [])
    return sorted(one for one in required if one.lower().replace("_", "-").startswith(name))


def _files(owner: Distribution, pattern: str) -> list[Path]:
    paths = (Path(str(owner.locate_file(file))) for file in owner.files or [] if re.search(pattern, file.name))
    return sorted(path.resolve() for path in paths if path.is_file())


def _chunk_order(path: Path) -> int:
    return int(path.name.rpartition(".part")[2])
