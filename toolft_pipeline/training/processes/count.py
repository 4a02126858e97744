"""How many processes train, by `training.processes` and the GPUs that are visible."""

from __future__ import annotations

from toolft_pipeline.settings import TrainingSettings
from toolft_pipeline.training.rows.sampling import DrawnRows, TrainingDataError


def process_count_of(training: TrainingSettings) -> int:
    """The number of processes. Raises `TrainingDataError` if it is more than the visible GPUs; a CPU takes any."""
    if training.processes == 1:
        return 1
    import torch

    gpus = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if training.processes == "auto":
        return max(1, gpus)
    if 0 < gpus < training.processes:
        raise TrainingDataError(
            f"training.processes: {training.processes} processes need a GPU each, and this step sees {gpus}; set it to "
            f"{gpus} or auto, or give the step more GPUs (it leases as many as the agent file says, not as --set says)"
        )
    return training.processes


def step_line(training: TrainingSettings, drawn: DrawnRows, processes: int) -> str:
    """What an optimizer step takes, in one line."""
    rows = training.batch_size * training.gradient_accumulation * processes
    return (
        f"{processes} processes: an optimizer step takes {rows} {'rows' if drawn.shows_images else 'packed rows'} "
        f"(batch_size {training.batch_size} x gradient_accumulation {training.gradient_accumulation} x {processes})"
    )
