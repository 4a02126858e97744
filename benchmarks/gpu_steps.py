"""Steps of the GPU benchmark: a base of a given shape, trained by the pipeline and by TRL, merged and decoded.

Each step takes the folder that all steps share, the shape and the packed length, and returns its figures by name. The
share of the device's peak (MFU) is 4 x parameters x tokens/s over that peak: a frozen weight costs two operations
forward, two backward for the input, and none for a gradient of its own (the formula that fits published LoRA rates,
such as 12,473 tokens/s = 402 TFLOP/s for Llama 3 8B on an H100).
"""

from __future__ import annotations

import json
import statistics
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.made_rows import DAY, made_rows, write_rows
from toolft_pipeline.settings import AgentSettings

if TYPE_CHECKING:
    from toolft_pipeline.training.rows.sampling import DrawnRows


PEAK_TFLOPS = {
    **{"B200": 2250.0, "H200": 989.0, "H100 PCIe": 756.0, "H100": 989.0, "A100": 312.0, "L40S": 362.0, "L4": 121.0},
    **{"A10": 125.0, "RTX 4090": 165.0, "RTX 3090": 71.0, "T4": 65.0},
}
"""Dense bf16 (T4: fp16) peak by a part of the device's name, from NVIDIA's data sheets; the first that fits."""


@dataclass(frozen=True, kw_only=True)
class Shape:
    """A base and what is asked of it."""

    name: str
    hidden: int
    inner: int
    layers: int
    heads: int
    key_value_heads: int
    head: int
    vocabulary: int
    packs: tuple[int, int]
    steps: int
    prompts: int
    new_tokens: int


GEMMA_3_4B = Shape(
    name="Gemma 3 4B's shape",
    **{"hidden": 2560, "inner": 10_240, "layers": 34, "heads": 8, "key_value_heads": 4, "head": 256},
    **{"vocabulary": 262_208, "packs": (2048, 4096), "steps": 6, "prompts": 32, "new_tokens": 64},
)


TINY = Shape(
    name="a tiny shape",
    **{"hidden": 64, "inner": 128, "layers": 2, "heads": 2, "key_value_heads": 1, "head": 32},
    **{"vocabulary": 8192, "packs": (256, 512), "steps": 3, "prompts": 4, "new_tokens": 4},
)


def write_base(place: Path, shape: Shape, _length: int) -> dict[str, float]:
    """The base in bf16 with a byte-level tokenizer that has Gemma 3's control tokens."""
    import torch
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers
    from transformers import Gemma3ForCausalLM, Gemma3TextConfig, PreTrainedTokenizerFast

    from toolft_pipeline.training.base.snapshot import count_parameters
    from toolft_pipeline.training.runtime.model_device import model_device

    began = time.monotonic()
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    words = Tokenizer(models.BPE(vocab={letter: number for number, letter in enumerate(alphabet)}, merges=[]))
    words.pre_tokenizer, words.decoder = pre_tokenizers.ByteLevel(add_prefix_space=False), decoders.ByteLevel()
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=words, bos_token="<bos>", eos_token="<eos>", pad_token="<pad>", unk_token="<unk>"
    )
    tokenizer.add_special_tokens({"extra_special_tokens": ["<start_of_turn>", "<end_of_turn>"]})
    tokenizer.save_pretrained(place / "base")
    config = Gemma3TextConfig(
        vocab_size=shape.vocabulary,
        hidden_size=shape.hidden,
        intermediate_size=shape.inner,
        num_hidden_layers=shape.layers,
        num_attention_heads=shape.heads,
        num_key_value_heads=shape.key_value_heads,
        head_dim=shape.head,
        query_pre_attn_scalar=shape.head,
        sliding_window=1024,
        **{"bos_token_id": tokenizer.bos_token_id, "eos_token_id": tokenizer.eos_token_id},
        pad_token_id=tokenizer.pad_token_id,
    )
    torch.manual_seed(0)
    torch.set_default_dtype(torch.bfloat16)
    with model_device():
        model = Gemma3ForCausalLM(config)
    model.save_pretrained(place / "base")
    return {"parameters": float(count_parameters(place / "base")), "seconds": round(time.monotonic() - began, 1)}


def train_ours(place: Path, shape: Shape, length: int) -> dict[str, float]:
    """An adapter by the pipeline's own stage; the last one stays for the merge."""
    import pyarrow.parquet as pq

    from toolft_pipeline.training.preflight.preflight import estimate_training
    from toolft_pipeline.training.train_adapter import PROGRESS_FILE, AdapterNames, train_adapter

    out = place / f"ours-{length}"
    out.mkdir()
    settings = _agent(length)
    drawn, inputs = _drawn(out, shape, length)
    estimate = estimate_training(base=place / "base", drawn=drawn, training=settings.training)
    train_adapter(
        base=place / "base",
        names=AdapterNames(base="base", chat_format="gemma3"),
        training=settings.training,
        checkpoints=out / "checkpoints",
        out=out,
        progress=lambda _line: None,
        **inputs,
    )
    (out / "adapter").rename(place / f"adapter-{length}")
    rates = pq.read_table(out / PROGRESS_FILE).column("tokens_per_s").to_pylist()
    return {**_rate(place, drawn, rates), "estimated_gb": round(estimate.memory.total / 2**30, 2)}


def train_trl(place: Path, shape: Shape, length: int) -> dict[str, float]:
    """The same rows, adapter and packing by TRL's trainer as it ships."""
    import datasets
    from peft import LoraConfig
    from trl import SFTConfig, SFTTrainer

    from toolft_pipeline.training.base.quantized import load_base
    from toolft_pipeline.training.runtime.model_device import model_device
    from toolft_pipeline.training.sft.callbacks import make_callbacks
    from toolft_pipeline.training.sft.figures import Figures

    out = place / f"trl-{length}"
    out.mkdir()
    training, device = _agent(length).training, model_device()
    cuda = device.type == "cuda"
    drawn, _ = _drawn(out, shape, length)
    config = SFTConfig(
        output_dir=str(out),
        max_length=length,
        packing=True,
        per_device_train_batch_size=1,
        num_train_epochs=1,
        learning_rate=training.learning_rate,
        optim="paged_adamw_8bit" if cuda else "adamw_torch",
        **{"bf16": cuda, "use_cpu": not cuda, "gradient_checkpointing": cuda, "dataloader_pin_memory": cuda},
        **{"logging_steps": 1, "save_strategy": "no", "report_to": [], "disable_tqdm": True},
        include_num_input_tokens_seen="all",
    )
    trainer = SFTTrainer(
        model=load_base(place / "base", quantization="nf4", device=device),
        args=config,
        train_dataset=datasets.Dataset(drawn.train.ids),
        peft_config=LoraConfig(
            r=training.lora_r,
            lora_alpha=training.lora_alpha,
            lora_dropout=training.lora_dropout,
            target_modules=list(training.target_modules),
            task_type="CAUSAL_LM",
        ),
        callbacks=make_callbacks(checkpoints=out, progress=lambda _line: None, figures=Figures(out)),
    )
    trainer.train()
    return _rate(place, drawn, [entry.get("tokens_per_s") for entry in trainer.state.log_history])


def merge(place: Path, shape: Shape, _length: int) -> dict[str, float]:
    """Base and adapter merged, with the checks of the merged_model stage."""
    from toolft_pipeline.training.merging.merge import merge_adapter
    from toolft_pipeline.training.merging.model_card import CardText

    settings = _agent(512)
    out, began = place / "merged", time.monotonic()
    out.mkdir()
    adapter = place / f"adapter-{shape.packs[1]}"
    merge_adapter(
        base=place / "base",
        adapter=adapter,
        chat=settings.chat,
        training=settings.training,
        card=CardText(name=settings.name, description="", base="base"),
        lineage={},
        out=out,
        progress=lambda _line: None,
    )
    checks = json.loads((out / "checks.json").read_text(encoding="utf-8"))
    logits = checks["merged_logits"]
    return {
        "seconds": round(time.monotonic() - began, 1),
        "checks_passed": float(all(check["passed"] for check in checks.values())),
        **{name: round(logits[name], 5) for name in ("relative_error", "allowed", "weights_off")},
    }


def decode(place: Path, shape: Shape, _length: int) -> dict[str, float]:
    """Greedy answers of the merged model, 32 prompts side by side."""
    from toolft_pipeline.compute_type import choose_compute_type
    from toolft_pipeline.engines.model_loading import load_model, load_tokenizer
    from toolft_pipeline.evaluation.models.decoding import TransformersGenerator

    folder = place / "merged" / "model"
    generator = TransformersGenerator(
        model=load_model(folder, compute=choose_compute_type("auto").type),
        tokenizer=load_tokenizer(folder),
        stops=(),
        max_new_tokens=shape.new_tokens,
        batch_size=shape.prompts,
    )
    rows = made_rows(shape.prompts, vocabulary=shape.vocabulary)
    began = time.monotonic()
    answers = generator.generate([row["ids"] for row in rows])
    tokens = sum(answer.n_new_tokens for answer in answers)
    return {"tokens_per_s": round(tokens / (time.monotonic() - began), 1), "prompts": float(len(rows))}


STEPS = {"base": write_base, "ours": train_ours, "trl": train_trl, "merge": merge, "decode": decode}


def bench_rows(shape: Shape, length: int) -> list[dict[str, Any]]:
    return made_rows(max(2, shape.steps * length // 160), vocabulary=shape.vocabulary)


def _drawn(out: Path, shape: Shape, length: int) -> tuple[DrawnRows, dict[str, Any]]:
    from toolft_pipeline.training.rows.sampling import draw_rows

    selection, tensors = write_rows(out, bench_rows(shape, length))
    inputs = {"selection": selection, "tensors": tensors}
    return draw_rows(**inputs, token_budget=None), inputs


def _rate(place: Path, drawn: DrawnRows, rates: list[float | None]) -> dict[str, float]:
    """The median rate behind the first step, which warms up, and what follows from it."""
    import torch

    from toolft_pipeline.training.base.snapshot import count_parameters
    from toolft_pipeline.training.runtime.peak_memory import peak_memory_gb

    known = [rate for rate in rates if rate is not None]
    rate = statistics.median(known[1:] or known)
    work = 4e-12 * count_parameters(place / "base") * rate
    found = {
        "tokens_per_s": round(rate, 1),
        "loss_tokens_per_s": round(rate * drawn.train.loss_tokens / drawn.train.tokens, 1),
        "tflops": round(work, 3),
        "peak_gb": round(peak_memory_gb(), 2),
    }
    name = torch.cuda.get_device_name() if torch.cuda.is_available() else ""
    peak = next((value for part, value in PEAK_TFLOPS.items() if part in name), None)
    return found if peak is None else {**found, "mfu": round(work / peak, 4)}


def _agent(length: int) -> AgentSettings:
    training = {"packed_length": length, "gradient_accumulation": 1, "save_steps": 10_000}
    return AgentSettings.model_validate(
        {
            **{"name": "made", "folder": ".", "first_day": DAY, "catalog": {"file": "none.json"}},
            **{"base_model": {"folder": "base"}, "chat": {"format": "gemma3"}, "training": training},
        }
    )
