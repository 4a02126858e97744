"""LoRA adapters over one base: the engines of models that share a vLLM server."""
