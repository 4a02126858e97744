"""Store images as content-addressed files, one folder a version.

Invariant: an image is written once and never changed, and a version contains every image that its runs show. A later
version links the same bytes into its own folder, so no version depends on the retention of another. A version without
images has no such folder.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path

import pyarrow.compute as pc
import pyarrow.parquet as pq

from toolft_pipeline.errors import FixableError
from toolft_pipeline.trajectories.record import Trajectory

IMAGES_FOLDER = "images"

_HASHES = "messages.list.element.content.list.element.image_sha256"
"""The column of the hashes in a parquet file of trajectories."""

_OWNER_ONLY = 0o600


class MissingImageError(FixableError, ValueError):
    """A run shows an image that its version does not have; one line with the fix."""


def image_file(folder: Path, sha256: str) -> Path:
    """Return the path of an image in a folder of images."""
    return folder / sha256


def images_folder_of(table: Path) -> Path | None:
    """Return the folder of images next to a parquet file of trajectories.

    None if its runs show none.
    """
    folder = table.parent / IMAGES_FOLDER
    return folder if folder.is_dir() else None


def image_content(out: Path) -> tuple[str, ...]:
    """Return the images of a staged folder for a manifest: the folder, or nothing."""
    return (IMAGES_FOLDER,) if (out / IMAGES_FOLDER).is_dir() else ()


def write_images(folder: Path, images: Mapping[str, bytes]) -> None:
    """Add images to a folder by sha256.

    Only their owner may read them, because they are as raw as the logs.
    """
    folder.mkdir(exist_ok=True)
    for sha256, data in images.items():
        path = image_file(folder, sha256)
        if not path.exists():
            path.touch(mode=_OWNER_ONLY)
            path.write_bytes(data)


def link_images(hashes: Iterable[str], *, into: Path, sources: Iterable[Path]) -> int:
    """Link the images of a version from the folders that may have them.

    Return their number. Uses hard links, so that an image takes its bytes once, or copies if the file system has no
    links. Raises `MissingImageError`.
    """
    sources, wanted = tuple(sources), sorted(set(hashes))
    for sha256 in wanted:
        source = next((path for folder in sources if (path := image_file(folder, sha256)).is_file()), None)
        if source is None:
            raise MissingImageError(f"{into}: image {sha256} is in none of its inputs; rebuild raw_trajectories")
        target = image_file(into, sha256)
        if target.exists():
            continue
        into.mkdir(exist_ok=True)
        try:
            os.link(source, target)
        except OSError:
            shutil.copy2(source, target)
    return len(wanted)


def image_hashes(path: Path) -> frozenset[str]:
    """Return the hashes of all images in a parquet file of trajectories.

    Reads only their column.
    """
    hashes: set[str] = set()
    with pq.ParquetFile(path, pre_buffer=False) as parquet:
        for batch in parquet.iter_batches(columns=[_HASHES]):
            content = pc.list_flatten(pc.struct_field(pc.list_flatten(batch["messages"]), "content"))
            hashes.update(pc.unique(pc.struct_field(content, "image_sha256").drop_null()).to_pylist())
    return frozenset(hashes)


def image_hashes_of_run(run: Trajectory) -> tuple[str, ...]:
    """Return the hashes of the images that a run shows, in order."""
    return tuple(part.image_sha256 for message in run.messages for part in message.content if part.image_sha256)
