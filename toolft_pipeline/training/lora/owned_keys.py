"""Keys of `training.peft` and `training.sft` that an agent file may not set, each with what to set instead.

Invariant: anything that a setting of this project decides, or that its checks rely on, is decided in one place.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

OWNED_SFT = {
    "output_dir": "it is the run's own checkpoints folder",
    "max_length": "set training.packed_length",
    "max_seq_length": "set training.packed_length",
    "packing": "rows are packed, unless one contains an image",
    "packing_strategy": "rows are packed whole, in random order",
    "shuffle_dataset": "packing shuffles the rows by training.seed",
    "eval_packing": "validation rows are packed as training rows are",
    "per_device_train_batch_size": "set training.batch_size",
    "gradient_accumulation_steps": "set training.gradient_accumulation",
    "num_train_epochs": "set training.epochs",
    "learning_rate": "set training.learning_rate",
    "warmup_ratio": "set training.warmup_ratio",
    "seed": "set training.seed",
    "loss_type": "set training.loss_type",
    "save_steps": "set training.save_steps",
    "enable_jit_checkpoint": "SIGTERM already saves the step in progress, in a checkpoint that a retry trusts",
    "report_to": "set training.report_to",
    "use_liger_kernel": "set training.liger_kernels",
    "dataset_kwargs": "rows are already tokenized",
    "remove_unused_columns": "images are looked up by a column of their own",
}
"""Keys of `trl.SFTConfig`."""

_CHANGES_THE_BASE = "it changes the base weights, and the merge adds the adapter to the base weights as stored"
_NOT_MERGED = "such an adapter cannot be merged into the base"

OWNED_PEFT = {
    "r": "set training.lora_r",
    "lora_alpha": "set training.lora_alpha",
    "lora_dropout": "set training.lora_dropout",
    "rank_pattern": "set training.lora_r: one rank for all modules",
    "alpha_pattern": "set training.lora_alpha: one for all modules",
    "target_modules": "set training.target_modules: modules of the language model, never of its vision tower",
    "target_parameters": "set training.target_modules",
    "modules_to_save": "whole modules are not trained: the merge adds low-rank matrices only",
    "trainable_token_indices": "embeddings are not trained; name a base whose tokenizer has the tokens",
    "bias": "biases are not trained, so that the merged model is the base plus the adapter",
    "lora_bias": "biases are not trained, so that the merged model is the base plus the adapter",
    "layer_replication": "the merged model has the base's layers",
    "loftq_config": _CHANGES_THE_BASE,
    "corda_config": _CHANGES_THE_BASE,
    "lora_ga_config": _CHANGES_THE_BASE,
    "kasa_config": _CHANGES_THE_BASE,
    "alora_invocation_tokens": _NOT_MERGED,
    "arrow_config": _NOT_MERGED,
    "use_bdlora": _NOT_MERGED,
    "monteclora_config": _NOT_MERGED,
    "task_type": "it is CAUSAL_LM",
    "peft_type": "it is LORA",
    "inference_mode": "the adapter is trained",
    "base_model_name_or_path": "set base_model",
    "revision": "set base_model.revision",
}
"""Keys of `peft.LoraConfig`."""

_INITIALIZATIONS_THAT_CHANGE_THE_BASE = ("pissa", "olora", "corda", "loftq", "lora_ga")


def refused_peft(peft: Mapping[str, object]) -> Iterator[tuple[str, str]]:
    """Keys of `training.peft` that may not be set, or not to this value, each with the reason."""
    for key, value in peft.items():
        if key in OWNED_PEFT:
            yield key, OWNED_PEFT[key]
        elif key == "init_lora_weights" and str(value).startswith(_INITIALIZATIONS_THAT_CHANGE_THE_BASE):
            yield key, f"{value}: {_CHANGES_THE_BASE}; leave it out, or set gaussian or orthogonal"
