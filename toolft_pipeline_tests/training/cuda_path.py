"""Loading, training, merging, its checks and decoding on a pretended CUDA device, in a process of its own.

`python -m toolft_pipeline_tests.training.cuda_path FOLDER qlora|lora|full` prints one JSON object.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

DEVICE_MEMORY = 80_000_000_000


def main(place: Path, method: str) -> None:
    """Run it all below a folder."""
    os.environ["HF_DEACTIVATE_ASYNC_LOAD"] = "1"  # a mode of PyTorch is active in one thread alone
    from toolft_pipeline.compute_type import choose_compute_type
    from toolft_pipeline.engines.model_loading import load_model, load_tokenizer
    from toolft_pipeline.evaluation.models.decoding import TransformersGenerator
    from toolft_pipeline.training.merging.merge import merge_adapter
    from toolft_pipeline.training.train_adapter import AdapterNames, train_adapter
    from toolft_pipeline_tests.pretended_cuda import pretended_cuda
    from toolft_pipeline_tests.training.made_rows import agent, lesson, merge_settings, write_inputs

    base = place / "base"
    _tiny_llama(base)
    inputs = write_inputs(place / "in", [*lesson()[:6], *lesson()[-1:]])
    settings = agent(base, method=method, epochs=1.0, sft={"optim": "adamw_torch"})  # paged needs a GPU
    settings = settings.model_copy(update={"chat": settings.chat.model_copy(update={"format": "llama3"})})
    said: list[str] = []
    folders = {name: place / name for name in ("trained", "merged", "merged_on_cpu")}
    for folder in folders.values():
        folder.mkdir()

    def merge(out: Path) -> dict[str, Any]:
        adapter = folders["trained"] / "adapter"
        merge_adapter(base=base, adapter=adapter, **merge_settings(settings), lineage={}, out=out, progress=said.append)
        checks: dict[str, Any] = json.loads((out / "checks.json").read_text())
        return checks

    with pretended_cuda(memory=DEVICE_MEMORY):
        trained = train_adapter(
            base=base,
            names=AdapterNames(base=base.name, chat_format="gemma3"),
            selection=inputs.selection,
            tensors=inputs.tensors,
            training=settings.training,
            checkpoints=place / "checkpoints",
            out=folders["trained"],
            progress=said.append,
        )
        checks = merge(folders["merged"])
        model = load_model(folders["merged"] / "model", compute=choose_compute_type("auto").type)
        generator = TransformersGenerator(
            model=model,
            tokenizer=load_tokenizer(folders["merged"] / "model"),
            stops=("<|eot_id|>",),
            max_new_tokens=4,
            batch_size=2,
        )
        answers = generator.generate([[1, 2, 3], [1, 2, 3, 4], list(range(100))])
        decoded_on = str(model.device)
    with pretended_cuda(memory=1000):
        without_room = merge(folders["merged_on_cpu"])
    found = {
        "steps": trained.steps,
        "checks": checks,
        "checks_without_room": without_room,
        "decoded_on": decoded_on,
        "answered": len(answers),
        "said": said,
    }
    print(json.dumps(found))


def _tiny_llama(folder: Path) -> None:
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    from toolft_pipeline_tests.chat.tokenizers_of_families import stand_in

    stand_in("llama3").save_pretrained(folder)
    config = LlamaConfig(
        **{"vocab_size": 8192, "hidden_size": 64, "intermediate_size": 128, "num_hidden_layers": 2},
        **{"num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 16, "initializer_range": 0.2},
        **{"bos_token_id": 0, "eos_token_id": 1},
    )
    torch.manual_seed(0)
    LlamaForCausalLM(config).to(torch.bfloat16).save_pretrained(folder)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
