"""The LoRA adapter: model families, target modules, configuration, and the PEFT and TRL keys that are reserved."""
