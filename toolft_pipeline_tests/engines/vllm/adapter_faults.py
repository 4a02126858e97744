"""What vLLM's engine does not load of an adapter folder, by its documented checks, in its words."""

from __future__ import annotations

import json
from pathlib import Path

EXPECTED_MODULES = {"q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"}


def adapter_fault(adapter: Path, *, max_lora_rank: int) -> str | None:
    """Why vLLM's engine would not load an adapter, by its documented checks."""
    config = json.loads((adapter / "adapter_config.json").read_text())
    faults = []
    if config.get("modules_to_save"):
        faults.append("vLLM only supports modules_to_save being None.")
    if config.get("use_dora"):
        faults.append("vLLM does not yet support DoRA.")
    if config["r"] > max_lora_rank:
        faults.append(f"LoRA rank {config['r']} is greater than max_lora_rank {max_lora_rank}.")
    if config.get("bias", "none") != "none":
        faults.append("Adapter bias is not supported.")
    unexpected = sorted(set(config.get("target_modules", ())) - EXPECTED_MODULES)
    if unexpected:
        faults.append(
            f"While loading {adapter}, expected target modules in {sorted(EXPECTED_MODULES)} but received {unexpected}."
        )
    return " ".join(faults) or None
