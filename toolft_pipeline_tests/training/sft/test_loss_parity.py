"""Loss and gradients of a training step equal an eager reference: plain transformers, PEFT's own layers, one row at a
time, cross entropy over all logits, mean over labelled tokens.

The reference imports nothing of the package. The step is one of the real trainer over packed rows: several short rows
in a pack, rows longer than Gemma's sliding window, one row longer than `training.packed_length`.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import peft
import pytest
import torch
from transformers import AutoModelForCausalLM, BitsAndBytesConfig, TrainerCallback

from toolft_pipeline.compute_type import ComputeType
from toolft_pipeline.training.rows.sampling import draw_rows
from toolft_pipeline.training.sft.sft import make_trainer
from toolft_pipeline_tests.training.made_rows import Made, agent, write_inputs

VOCABULARY, WINDOW, PACKED = 320, 16, 64
LENGTHS = (3, 9, 14, 23, 30, 31, 40, 90)
"""Of the rows in tokens: packs of two to four rows, and one row beyond `PACKED`."""

LOSS_WITHIN = {ComputeType.FP32: 1e-5, ComputeType.BF16: 1e-2}
"""Relative error of the loss."""
GRADIENT_WITHIN = 1e-4
"""Norm of the error of a parameter's gradient in float32, by the norm of the gradient."""
VISIBLE = 0.1
"""Error of a gradient, measured in the same way, that every fault below causes at least."""

SIZES = {
    **{"vocab_size": VOCABULARY, "hidden_size": 64, "intermediate_size": 128, "num_hidden_layers": 4},
    **{"num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 16, "max_position_embeddings": 4096},
    **{"bos_token_id": 2, "eos_token_id": 1, "pad_token_id": 0, "initializer_range": 0.2},
}
SLIDING = {"sliding_window": WINDOW, "layer_types": ["sliding_attention", "full_attention"] * 2}


@dataclass(frozen=True)
class Ragged(Made):
    """A row of random tokens with two turns that have a loss; the shortest row has it from its first token on."""

    length: int = 0

    @property
    def ids(self) -> list[int]:
        draw = random.Random(self.length)
        return [2, *(draw.randrange(3, VOCABULARY) for _ in range(self.length - 1))]

    @property
    def labels(self) -> list[int]:
        third = self.length // 3
        masked = {*range(third), *range(2 * third, 2 * third + third // 2)} if third > 1 else set()
        return [-100 if place in masked else token for place, token in enumerate(self.ids)]


ROWS = [Ragged(name=f"r{length}", length=length) for length in LENGTHS]


def gemma3() -> Any:
    from transformers import Gemma3ForCausalLM, Gemma3TextConfig

    return Gemma3ForCausalLM(Gemma3TextConfig(**SIZES, **SLIDING, query_pre_attn_scalar=16, tie_word_embeddings=True))


def gemma4_e() -> Any:
    """Per-layer embeddings, and keys and values that the last two layers share with the first two."""
    from transformers import Gemma4ForCausalLM, Gemma4TextConfig

    own = {"vocab_size_per_layer_input": VOCABULARY, "hidden_size_per_layer_input": 8, "global_head_dim": 32}
    return Gemma4ForCausalLM(Gemma4TextConfig(**SIZES, **SLIDING, **own, num_kv_shared_layers=2))


def qwen3() -> Any:
    from transformers import Qwen3Config, Qwen3ForCausalLM

    return Qwen3ForCausalLM(Qwen3Config(**SIZES, tie_word_embeddings=True))


def llama() -> Any:
    from transformers import LlamaConfig, LlamaForCausalLM

    return LlamaForCausalLM(LlamaConfig(**SIZES, tie_word_embeddings=False))


FAMILIES: dict[str, Callable[[], Any]] = {"gemma3": gemma3, "gemma4_e": gemma4_e, "qwen3": qwen3, "llama": llama}


@pytest.fixture(scope="module")
def bases(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A model folder a family: random weights in bf16, and a tokenizer that knows nothing but padding."""
    from tokenizers import Tokenizer, models
    from transformers import PreTrainedTokenizerFast

    words = Tokenizer(models.WordLevel({"<pad>": 0, "<eos>": 1, "<bos>": 2}, unk_token="<pad>"))
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=words, pad_token="<pad>", eos_token="<eos>")
    found = {}
    for name, made in FAMILIES.items():
        found[name] = tmp_path_factory.mktemp("parity") / name
        with torch.random.fork_rng():
            torch.manual_seed(0)
            made().to(torch.bfloat16).save_pretrained(found[name])
        tokenizer.save_pretrained(found[name])
    return found


@dataclass(frozen=True, kw_only=True)
class Step:
    """The mean loss of all rows, the adapter's gradients by parameter, and its weights."""

    loss: float
    gradients: dict[str, torch.Tensor]
    weights: dict[str, torch.Tensor]


class KeepGradients(TrainerCallback):  # type: ignore[misc]
    """Reads the gradients that the optimizer is given."""

    def __init__(self) -> None:
        self.kept: dict[str, torch.Tensor] = {}

    def on_pre_optimizer_step(self, args: Any, state: Any, control: Any, model: Any = None, **_: Any) -> None:
        self.kept = {name: each.grad.clone() for name, each in model.named_parameters() if each.grad is not None}


def our_step(
    base: Path,
    place: Path,
    *,
    rows: Sequence[Made],
    compute: ComputeType,
    method: str,
    broken: Callable[[Any], None] | None = None,
) -> Step:
    """One optimizer step of our trainer over all rows; `broken` changes the trainer before it."""
    inputs = write_inputs(place / "in", rows, days=["2026-10-01"])
    training = agent(
        base,
        method=method,
        **{"packed_length": PACKED, "gradient_accumulation": 100, "epochs": 1.0, "lora_dropout": 0.0},
        sft={"max_grad_norm": 0.0, "save_strategy": "no", "eval_strategy": "no"},
    ).training
    trainer = make_trainer(
        base=base,
        drawn=draw_rows(selection=inputs.selection, tensors=inputs.tensors, token_budget=None),
        training=training,
        checkpoints=place,
        compute=compute,
        progress=lambda _line: None,
    )
    draw = torch.Generator().manual_seed(1)
    for name, parameter in trainer.model.named_parameters():
        if "lora_B" in name:  # zero at first, which would hide the gradients of lora_A
            parameter.data = torch.randn(parameter.shape, generator=draw) * 0.1
    weights = {name: each.detach().clone() for name, each in trainer.model.named_parameters() if each.requires_grad}
    gradients = KeepGradients()
    trainer.add_callback(gradients)
    if broken is not None:
        broken(trainer)
    packs = trainer.train_dataset["seq_lengths"]
    assert max(map(len, packs)) > 1
    assert max(map(sum, packs)) > PACKED
    trainer.train()
    assert trainer.state.global_step == 1
    return Step(loss=trainer.state.log_history[0]["loss"], gradients=gradients.kept, weights=weights)


def reference_step(
    base: Path, *, rows: Sequence[Made], dtype: torch.dtype, weights: dict[str, torch.Tensor], nf4: bool
) -> Step:
    """The same step by the definition of each part; `weights` are the adapter's."""
    in_4_bit = BitsAndBytesConfig(
        load_in_4bit=True, bnb_4bit_quant_type="nf4", bnb_4bit_use_double_quant=True, bnb_4bit_compute_dtype=dtype
    )
    model = AutoModelForCausalLM.from_pretrained(
        base, dtype=dtype, attn_implementation="eager", device_map="cpu", quantization_config=in_4_bit if nf4 else None
    )
    targets = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]
    lora = peft.LoraConfig(r=4, lora_alpha=8, lora_dropout=0.0, target_modules=targets, task_type="CAUSAL_LM")
    tuned = peft.get_peft_model(model, lora)
    trained = {name: each for name, each in tuned.named_parameters() if each.requires_grad}
    assert trained.keys() == weights.keys()
    for name, parameter in trained.items():
        parameter.data = weights[name].clone()
    tuned.train()
    count = sum(label != -100 for row in rows for label in row.labels[1:])
    total = 0.0
    for row in rows:
        logits = tuned(input_ids=torch.tensor([row.ids])).logits[0, :-1].float()
        losses = torch.nn.functional.cross_entropy(logits, torch.tensor(row.labels[1:]), reduction="none")
        loss = losses.sum() / count
        loss.backward()
        total += loss.item()
    return Step(loss=total, gradients={name: each.grad for name, each in trained.items()}, weights=weights)


def worst(found: Step, expected: Step) -> float:
    """The largest relative error of a parameter's gradient."""
    assert found.gradients.keys() == expected.gradients.keys()
    pairs = [(found.gradients[name], gradient) for name, gradient in expected.gradients.items()]
    return max(float((ours - wanted).norm() / wanted.norm()) for ours, wanted in pairs)


@pytest.mark.parametrize(
    ("compute", "method"),
    [(ComputeType.FP32, "lora"), (ComputeType.FP32, "qlora"), (ComputeType.BF16, "qlora")],
    ids=["fp32-lora", "fp32-qlora", "bf16-qlora"],
)
@pytest.mark.parametrize("family", FAMILIES)
def test_step_has_loss_and_gradients_of_the_eager_reference(
    family: str, compute: ComputeType, method: str, bases: dict[str, Path], tmp_path: Path
) -> None:
    ours = our_step(bases[family], tmp_path, rows=ROWS, compute=compute, method=method)
    expected = reference_step(
        bases[family], rows=ROWS, dtype=compute.dtype, weights=ours.weights, nf4=method == "qlora"
    )
    assert ours.loss == pytest.approx(expected.loss, rel=LOSS_WITHIN[compute])
    if compute is ComputeType.FP32:
        assert worst(ours, expected) < GRADIENT_WITHIN


@pytest.mark.parametrize("family", ["gemma3", "llama"])
def test_row_of_over_1024_tokens_has_the_same_step(family: str, bases: dict[str, Path], tmp_path: Path) -> None:
    rows = [*ROWS[:5], Ragged(name="long", length=1085)]
    ours = our_step(bases[family], tmp_path, rows=rows, compute=ComputeType.FP32, method="lora")
    expected = reference_step(bases[family], rows=rows, dtype=torch.float32, weights=ours.weights, nf4=False)
    assert ours.loss == pytest.approx(expected.loss, rel=LOSS_WITHIN[ComputeType.FP32])
    assert worst(ours, expected) < GRADIENT_WITHIN


def batches_with(trainer: Any, **changed: Callable[[torch.Tensor], torch.Tensor]) -> None:
    """Change tensors of every batch."""
    collate = trainer.data_collator

    def changing(rows: list[dict[str, Any]]) -> dict[str, Any]:
        batch = collate(rows)
        return {**batch, **{name: change(batch[name]) for name, change in changed.items()}}

    trainer.data_collator = changing


def rows_see_each_other(trainer: Any) -> None:
    """Positions and borders say so: transformers reads the former, attention by rows the latter."""
    ends = dict.fromkeys(["cu_seq_lens_q", "cu_seq_lens_k"], lambda ends: ends[[0, -1]])
    batches_with(trainer, position_ids=lambda places: torch.arange(places.numel()).reshape(places.shape), **ends)


def boundaries_one_token_late(trainer: Any) -> None:
    batches_with(trainer, position_ids=lambda places: places.roll(1, -1).index_fill(-1, torch.tensor([0]), 0))


def labels_one_token_late(trainer: Any) -> None:
    batches_with(trainer, labels=lambda labels: labels.roll(1, -1))


def no_window(trainer: Any) -> None:
    for module in trainer.model.modules():
        for owner in (module, getattr(module, "config", None)):
            if getattr(owner, "sliding_window", None):
                owner.sliding_window = 4096


@pytest.mark.parametrize("broken", [rows_see_each_other, boundaries_one_token_late, labels_one_token_late, no_window])
def test_fault_in_the_step_is_seen(broken: Callable[[Any], None], bases: dict[str, Path], tmp_path: Path) -> None:
    ours = our_step(bases["gemma3"], tmp_path, rows=ROWS, compute=ComputeType.FP32, method="lora", broken=broken)
    expected = reference_step(bases["gemma3"], rows=ROWS, dtype=torch.float32, weights=ours.weights, nf4=False)
    assert ours.loss != pytest.approx(expected.loss, rel=5 * LOSS_WITHIN[ComputeType.FP32])
    assert worst(ours, expected) > VISIBLE
