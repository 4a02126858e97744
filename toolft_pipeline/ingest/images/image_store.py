"""Images as content-addressed files: one folder of a version, each file named by its sha256.

Invariant: an image is written once and never changed, and a version that speaks of one has it: the next version links
the same bytes into its own folder, so that none of them rests on another's retention. A version without images has no
such folder, and is what it would be if there were no images at all.
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
"""The leaf column of the hashes in a parquet of trajectories."""

_OWNER_ONLY = 0o600


class MissingImageError(FixableError, ValueError):
    """A run shows an image that its version does not have; one line with the mend."""


def image_file(folder: Path, sha256: str) -> Path:
    """Where an image lies in a folder of images."""
    return folder / sha256


def images_folder_of(table: Path) -> Path | None:
    """The folder of images of the version that a parquet of trajectories belongs to; None where its runs show none."""
    folder = table.parent / IMAGES_FOLDER
    return folder if folder.is_dir() else None


def image_content(out: Path) -> tuple[str, ...]:
    """What a staged folder has of images, for its manifest's content: the folder, or nothing."""
    return (IMAGES_FOLDER,) if (out / IMAGES_FOLDER).is_dir() else ()


def write_images(folder: Path, images: Mapping[str, bytes]) -> None:
    """Add images to a folder, by their sha256; readable by their owner alone, for they are as raw as the logs."""
    folder.mkdir(exist_ok=True)
    for sha256, data in images.items():
        path = image_file(folder, sha256)
        if not path.exists():
            path.touch(mode=_OWNER_ONLY)
            path.write_bytes(data)


def link_images(hashes: Iterable[str], *, into: Path, sources: Iterable[Path]) -> int:
    """Give a version the images that it speaks of, from the folders that may have them; how many there are.

    Hard links, so that a chart costs its bytes once; copies where the file system has none. Raises
    `MissingImageError`.
    """
    sources, wanted = tuple(sources), sorted(set(hashes))
    for sha256 in wanted:
        found = next((path for folder in sources if (path := image_file(folder, sha256)).is_file()), None)
        if found is None:
            raise MissingImageError(f"{into}: image {sha256} is in none of its inputs; run raw_trajectories again")
        target = image_file(into, sha256)
        if target.exists():
            continue
        into.mkdir(exist_ok=True)
        try:
            os.link(found, target)
        except OSError:
            shutil.copy2(found, target)
    return len(wanted)


def image_hashes(path: Path) -> frozenset[str]:
    """The hashes of all images in a parquet of trajectories, from their column alone."""
    found: set[str] = set()
    with pq.ParquetFile(path, pre_buffer=False) as parquet:
        for batch in parquet.iter_batches(columns=[_HASHES]):
            content = pc.list_flatten(pc.struct_field(pc.list_flatten(batch["messages"]), "content"))
            found.update(pc.unique(pc.struct_field(content, "image_sha256").drop_null()).to_pylist())
    return frozenset(found)


def image_hashes_of_run(run: Trajectory) -> tuple[str, ...]:
    """The hashes of the images that a run shows, in order."""
    return tuple(part.image_sha256 for message in run.messages for part in message.content if part.image_sha256)
