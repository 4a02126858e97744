"""Create TRL's SFTTrainer over proven ids and labels from an agent's training settings.

Invariant: training sees exactly the proven rows. They are passed as `input_ids` + `labels`; nothing is tokenized again,
nothing is truncated, and packing keeps rows separate (packing.py; block-diagonal attention by position ids). If any row
contains an image, all rows are trained one by one, because pixel values cannot be packed.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from toolft_pipeline.chat.rendering.processor import load_processor
from toolft_pipeline.compute_type import ComputeType
from toolft_pipeline.settings import TrainingSettings
from toolft_pipeline.training.base.base_config import load_config
from toolft_pipeline.training.base.base_model import quiet_transformers
from toolft_pipeline.training.base.quantized import load_for_training, use_full_precision_adapter
from toolft_pipeline.training.choice.chooser import Chooser
from toolft_pipeline.training.lora.adapter_config import lora_config, require_lora_parameters_only, setting_error
from toolft_pipeline.training.lora.owned_keys import OWNED_SFT
from toolft_pipeline.training.rows.packing import pack_rows
from toolft_pipeline.training.rows.sampling import DrawnRows, DrawnSide, TrainingDataError
from toolft_pipeline.training.runtime.model_device import model_device
from toolft_pipeline.training.sft import lm_head
from toolft_pipeline.training.sft.callbacks import make_callbacks
from toolft_pipeline.training.sft.cpu_lora import fuse_lora_layers
from toolft_pipeline.training.sft.figures import Figures, put_before_trackers
from toolft_pipeline.training.sft.filled_packs import filling_trainer
from toolft_pipeline.training.sft.full_weights import train_all_weights
from toolft_pipeline.training.sft.gpu_kernels import choose_gpu_kernels
from toolft_pipeline.training.sft.keeping_trainer import require_fused_loss, trainer_class
from toolft_pipeline.training.sft.multimodal_collator import ImageRowCollator

if TYPE_CHECKING:
    import torch
    from trl import SFTTrainer

VALIDATIONS = 3
"""Measurements of the validation loss in a run, at equal distances and after the last step."""


def make_trainer(
    *,
    base: Path,
    drawn: DrawnRows,
    training: TrainingSettings,
    checkpoints: Path,
    compute: ComputeType,
    progress: Callable[[str], None],
    images: Sequence[Path] = (),
    chooser: Chooser | None = None,
) -> SFTTrainer:
    """The trainer, ready to train or to resume in this compute type; `images` are the folders of the rows' images,
    `chooser` measures the checkpoints.

    Raises `TrainingDataError` for invalid `training.peft` and `training.sft`.
    """
    import datasets
    import torch
    from transformers import AutoTokenizer, set_seed
    from transformers.trainer_callback import PrinterCallback

    datasets.disable_progress_bars()
    lm_head.use_cpu_head()
    kernels = choose_gpu_kernels(
        config=load_config(base),
        training=training,
        compute=compute,
        device=model_device(),
        images=drawn.shows_images,
    )
    if kernels is not None:
        progress(kernels.line)
    liger = kernels is not None and kernels.liger
    config = _sft_config(drawn=drawn, training=training, checkpoints=checkpoints, compute=compute, liger=liger)
    with quiet_transformers():
        model = load_for_training(
            base,
            quantization=training.quantization,
            dtype=torch.float32 if training.method == "full" else compute.dtype,
            attention=None if kernels is None else kernels.attention,
        )
    lora = None
    if training.method == "full":
        train_all_weights(model)
    else:
        lora = lora_config(training, modules=[name for name, _ in model.named_modules()])
    tokenizer = AutoTokenizer.from_pretrained(base)
    collator = None
    if drawn.shows_images:
        collator = ImageRowCollator(processor=load_processor(base, tokenizer=tokenizer), folders=images)
    figures = Figures(checkpoints)
    callbacks = make_callbacks(checkpoints=checkpoints, progress=progress, figures=figures, chooser=chooser)
    set_seed(training.seed)  # the adapter is initialized before Trainer sets the seed
    try:
        trainer = trainer_class(training, _trainer())(
            model=model,
            args=config,
            train_dataset=_rows(drawn, drawn.train, config),
            eval_dataset=_rows(drawn, drawn.validation, config) if drawn.validation.rows else None,
            processing_class=tokenizer,
            data_collator=collator,
            peft_config=lora,
            callbacks=callbacks,
        )
    except ValueError as error:
        raise setting_error(error) from error
    trainer.remove_callback(PrinterCallback)
    put_before_trackers(figures, callbacks[0], trainer)
    figures.loss_tokens.watch(trainer.model)
    trainer.processing_class = None  # else every checkpoint saves the tokenizer again: 33 MB for Gemma
    if lora is not None:
        require_lora_parameters_only(trainer.model)
        use_full_precision_adapter(trainer.model)
        fuse_lora_layers(trainer.model, dtype=compute.dtype)
    return trainer


def _trainer() -> type[SFTTrainer]:
    """TRL's trainer, on a CPU with packs of few lengths."""
    from trl import SFTTrainer

    return filling_trainer(SFTTrainer) if model_device().type == "cpu" else SFTTrainer


def _rows(drawn: DrawnRows, side: DrawnSide, config: Any) -> Any:
    """One side's rows as a dataset: packed, unless rows contain images."""
    import datasets

    if drawn.shows_images:
        return datasets.Dataset(side.ids)
    return pack_rows(side.ids.select(["input_ids", "labels"]), length=config.max_length, seed=config.seed)


def trainer_arguments(
    *, drawn: DrawnRows, training: TrainingSettings, device: torch.device, compute: ComputeType
) -> dict[str, Any]:
    """The arguments of `trl.SFTConfig` except the folder: this project's, then those of `training.sft`."""
    cuda = device.type == "cuda"
    return {
        "max_length": training.packed_length,
        "packing": True,
        "packing_strategy": "bfd",  # TRL then keeps the rows of our packs apart
        "dataset_kwargs": {"skip_prepare_dataset": True},  # rows are already tokenized and packed
        "per_device_train_batch_size": training.batch_size,
        "per_device_eval_batch_size": training.batch_size,
        "gradient_accumulation_steps": training.gradient_accumulation,
        "num_train_epochs": training.epochs,
        "learning_rate": training.learning_rate,
        "lr_scheduler_type": "cosine",
        "warmup_steps": training.warmup_ratio,  # below 1 it is a share of all steps
        "optim": "paged_adamw_8bit" if cuda else "adamw_torch",
        "bf16": (cuda or training.method == "full") and compute is ComputeType.BF16,
        "use_cpu": not cuda,
        "gradient_checkpointing": cuda,
        "eval_strategy": "steps" if drawn.validation.rows else "no",
        "eval_steps": 1 / VALIDATIONS,
        "prediction_loss_only": True,
        "include_num_input_tokens_seen": "all",
        "logging_steps": 1,
        "logging_nan_inf_filter": False,
        "save_steps": training.save_steps,
        "save_total_limit": 2,
        "seed": training.seed,
        "loss_type": training.loss_type,
        "report_to": list(training.report_to),
        "disable_tqdm": True,
        "dataloader_num_workers": 0,
        "dataloader_pin_memory": cuda,
        **(_UNPACKED | {"gradient_accumulation_steps": _accumulated(training)} if drawn.shows_images else {}),
        **(_SEVERAL_PROCESSES | {"data_seed": training.seed} if training.processes != 1 else {}),
        **training.sft,
    }


def _sft_config(
    *, drawn: DrawnRows, training: TrainingSettings, checkpoints: Path, compute: ComputeType, liger: bool
) -> Any:
    from trl import SFTConfig

    for key in training.sft.keys() & OWNED_SFT.keys():
        raise TrainingDataError(f"training.sft.{key}: cannot be set here; {OWNED_SFT[key]}")
    require_fused_loss(training)
    arguments = trainer_arguments(drawn=drawn, training=training, device=model_device(), compute=compute)
    try:
        return SFTConfig(output_dir=str(checkpoints), **arguments, **({"use_liger_kernel": True} if liger else {}))
    except (TypeError, ValueError) as error:
        raise TrainingDataError(f"training.sft: {error}; use the names of trl.SFTConfig") from error


_UNPACKED = {
    "packing": False,
    "per_device_train_batch_size": 1,
    "per_device_eval_batch_size": 1,
    "remove_unused_columns": False,
}
"""Arguments if any row contains an image: rows one by one, with our own collator."""


_SEVERAL_PROCESSES = {"ddp_timeout": 24 * 3600}
"""Arguments if several processes train together. They wait for the main one, which may generate held-out steps for an
hour; a process that is gone ends the others at once, so the limit (seconds) guards against nothing else. All draw the
order of rows from one seed: their own random states differ, so that dropout does."""


def _accumulated(training: TrainingSettings) -> int:
    """Rows of an optimizer step if a batch is one row."""
    return training.batch_size * training.gradient_accumulation
