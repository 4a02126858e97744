"""The packages of the experiment trackers in `training.report_to`.

Invariant: a tracker whose package is missing is one error before anything is trained. transformers looks for a module
alone, and `mlflow-tracing` brings one of the name `mlflow` that cannot record a run.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from importlib.metadata import PackageNotFoundError, version

from toolft_pipeline.training.rows.sampling import TrainingDataError

PACKAGES = {
    "mlflow": ("mlflow", "mlflow-skinny"),
    "tensorboard": ("tensorboard", "tensorboardX"),
    "trackio": ("trackio",),
    "wandb": ("wandb",),
}
"""Packages that serve a tracker, any one of them."""


def tracker_problems(trackers: Iterable[str]) -> Iterator[str]:
    """Each tracker that has no package here, with the fix."""
    for tracker in trackers:
        if not any(map(_installed, PACKAGES[tracker])):
            names = " or ".join(PACKAGES[tracker])
            yield f"{tracker} is not installed; pip install {names}, or remove it"


def require_trackers(trackers: Iterable[str]) -> None:
    """Raise `TrainingDataError` if a tracker has no package."""
    if problems := list(tracker_problems(trackers)):
        raise TrainingDataError(f"training.report_to: {'; '.join(problems)}")


def _installed(package: str) -> bool:
    try:
        version(package)
    except PackageNotFoundError:
        return False
    return True
