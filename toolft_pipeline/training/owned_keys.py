"""Keys of `training.peft` and `training.sft` that no agent file may set, each with what to set instead.

Invariant: what a setting of this project decides, or what its checks rely on, is decided in one place.
"""

from __future__ import annotations

OWNED_SFT = {
    "output_dir": "it is the run's own checkpoints folder",
    "max_length": "set training.packed_length",
    "max_seq_length": "set training.packed_length",
    "packing": "rows are packed, unless any shows an image",
    "packing_strategy": "only bfd keeps rows whole and apart",
    "per_device_train_batch_size": "set training.batch_size",
    "gradient_accumulation_steps": "set training.gradient_accumulation",
    "num_train_epochs": "set training.epochs",
    "learning_rate": "set training.learning_rate",
    "warmup_ratio": "set training.warmup_ratio",
    "seed": "set training.seed",
    "save_steps": "set training.save_steps",
    "dataset_kwargs": "rows come tokenized",
    "remove_unused_columns": "images are looked up by a column of their own",
}
"""Keys of `trl.SFTConfig`."""

OWNED_PEFT = {
    "r": "set training.lora_r",
    "lora_alpha": "set training.lora_alpha",
    "lora_dropout": "set training.lora_dropout",
    "target_modules": "set training.target_modules: names below the language model, never its vision tower",
    "target_parameters": "set training.target_modules",
    "bias": "biases are not trained, so that the merged model is the base plus the adapter",
    "task_type": "it is CAUSAL_LM",
    "peft_type": "it is LORA",
    "inference_mode": "the adapter is trained",
}
"""Keys of `peft.LoraConfig`."""
