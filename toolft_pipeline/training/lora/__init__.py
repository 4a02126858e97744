"""The LoRA adapter: its configuration, which modules it may sit on, which keys of PEFT and TRL are ours."""
