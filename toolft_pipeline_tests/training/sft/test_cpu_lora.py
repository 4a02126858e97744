"""The fused LoRA layer computes what its formula says, and PEFT's layer where PEFT does more."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import peft
import pytest
import torch
from bitsandbytes.nn import Linear4bit

from toolft_pipeline.training.base.quantized import load_for_training
from toolft_pipeline.training.sft import cpu_lora
from toolft_pipeline.training.sft.cpu_lora import fuse_lora_layers

TOKENS, WIDTH, OUT, RANK, ALPHA = 7, 64, 32, 4, 8
NEAR = {torch.float32: 1e-5, torch.bfloat16: 2e-2}


class OneLayer(torch.nn.Module):
    def __init__(self, layer: torch.nn.Module) -> None:
        super().__init__()
        self.layer = layer

    def forward(self, x: torch.Tensor) -> Any:
        return self.layer(x)


def lora_model(layer: torch.nn.Module, **options: Any) -> Any:
    """A model of one layer with an adapter that is not zero, in float32."""
    torch.manual_seed(5)
    config = peft.LoraConfig(r=RANK, lora_alpha=ALPHA, target_modules=["layer"], **options)
    model = peft.get_peft_model(OneLayer(layer), config)
    for name, parameter in model.named_parameters():
        if "lora_" in name:
            parameter.data = torch.randn(parameter.shape, generator=torch.Generator().manual_seed(len(name))) / 8
    return model


def linear(dtype: torch.dtype, *, bias: bool = False) -> torch.nn.Linear:
    torch.manual_seed(1)
    return torch.nn.Linear(WIDTH, OUT, bias=bias, dtype=dtype)


def in_4_bit() -> Linear4bit:
    torch.manual_seed(1)
    layer = Linear4bit(WIDTH, OUT, bias=False, compute_dtype=torch.float32, quant_type="nf4")
    return layer.to("cpu")


def operands(dtype: torch.dtype) -> tuple[torch.Tensor, torch.Tensor]:
    draw = torch.Generator().manual_seed(2)
    x = torch.randn(2, TOKENS, WIDTH, generator=draw).to(dtype).requires_grad_()
    return x, torch.randn(2, TOKENS, OUT, generator=draw).to(dtype)


def adapter(model: Any) -> tuple[torch.nn.Parameter, torch.nn.Parameter]:
    layer = model.base_model.model.layer
    return layer.lora_A["default"].weight, layer.lora_B["default"].weight


def by_definition(model: Any, x: torch.Tensor, weight: torch.Tensor, gradient: torch.Tensor) -> list[torch.Tensor]:
    """Result and gradients by x, A and B in float64."""
    down, up = (parameter.detach().double().requires_grad_() for parameter in adapter(model))
    wide = x.detach().double().requires_grad_()
    bias = model.base_model.model.layer.get_base_layer().bias
    result = (
        wide @ weight.double().t()
        + (0 if bias is None else bias.double())
        + (ALPHA / RANK) * (wide @ down.t()) @ up.t()
    )
    result.backward(gradient.double())
    return [result.detach(), *(one.grad for one in (wide, down, up) if one.grad is not None)]


def computed(model: Any, x: torch.Tensor, gradient: torch.Tensor) -> list[torch.Tensor]:
    result = model(x)
    result.backward(gradient)
    return [result.detach(), *(one.grad for one in (x, *adapter(model)) if one.grad is not None)]


def assert_near(found: list[torch.Tensor], expected: list[torch.Tensor], near: float) -> None:
    for one, other in zip(found, expected, strict=True):  # all four, or zip raises
        assert (one.double() - other).norm() <= near * other.norm()


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=["fp32", "bf16"])
@pytest.mark.parametrize("bias", [False, True], ids=["no_bias", "bias"])
def test_layer_gives_result_and_gradients_of_the_formula(dtype: torch.dtype, bias: bool) -> None:
    model = lora_model(linear(dtype, bias=bias))
    assert fuse_lora_layers(model, dtype=dtype) == 1
    x, gradient = operands(dtype)
    expected = by_definition(model, x, linear(dtype, bias=bias).weight.detach(), gradient)
    found = computed(model, x, gradient)
    assert_near(found, expected, NEAR[dtype])
    assert [one.dtype for one in found] == [dtype, dtype, torch.float32, torch.float32]


@pytest.mark.parametrize("most", [0, 2**30], ids=["dequantized_each_time", "kept"])
def test_four_bit_layer_computes_with_its_dequantized_weights(most: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cpu_lora, "MAX_KEPT_BYTES", most)
    layer = in_4_bit()
    identity = torch.eye(WIDTH)
    weight = layer(identity).detach().t()
    model = lora_model(layer)
    assert fuse_lora_layers(model, dtype=torch.float32) == 1
    for _ in range(2):
        x, gradient = operands(torch.float32)
        for parameter in adapter(model):
            parameter.grad = None
        assert_near(computed(model, x, gradient), by_definition(model, x, weight, gradient), 1e-5)


def test_dropout_drops_what_the_adapter_sees_and_nothing_of_the_base() -> None:
    model = lora_model(linear(torch.float32), lora_dropout=0.5)
    fuse_lora_layers(model, dtype=torch.float32)
    weight = linear(torch.float32).weight.detach()
    down, up = adapter(model)
    x, gradient = operands(torch.float32)
    torch.manual_seed(9)
    found = computed(model, x, gradient)
    torch.manual_seed(9)
    _, mask = torch.native_dropout(x.detach().reshape(-1, WIDTH), 0.5, True)
    assert 0.3 < mask.double().mean() < 0.7
    seen = (x.detach().reshape(-1, WIDTH) * mask * 2).double()
    by_inner = 2.0 * gradient.reshape(-1, OUT).double() @ up.detach().double()
    expected = [
        (x.detach().reshape(-1, WIDTH).double() @ weight.double().t())
        + 2.0 * seen @ down.detach().double().t() @ up.detach().double().t(),
        gradient.reshape(-1, OUT).double() @ weight.double() + by_inner @ down.detach().double() * mask * 2,
        by_inner.t() @ seen,
        2.0 * gradient.reshape(-1, OUT).double().t() @ (seen @ down.detach().double().t()),
    ]
    assert_near([one.reshape(other.shape) for one, other in zip(found, expected, strict=True)], expected, 1e-5)
    model.eval()
    x, gradient = operands(torch.float32)
    assert_near([model(x).detach()], by_definition(model, x, weight, gradient)[:1], 1e-5)


def test_disabled_adapter_is_the_base_alone() -> None:
    model = lora_model(linear(torch.float32))
    fuse_lora_layers(model, dtype=torch.float32)
    x, _ = operands(torch.float32)
    with model.disable_adapter():
        assert torch.equal(model(x), linear(torch.float32)(x))
    assert not torch.equal(model(x), linear(torch.float32)(x))


@pytest.mark.parametrize(
    "model",
    [
        lambda: lora_model(linear(torch.float32), use_dora=True),
        lambda: lora_model(linear(torch.float32, bias=True), lora_bias=True),
    ],
    ids=["dora", "bias_of_the_adapter"],
)
def test_layer_that_does_more_keeps_its_own_forward(model: Any) -> None:
    built = model()
    x, _ = operands(torch.float32)
    before = built(x)
    assert fuse_lora_layers(built, dtype=torch.float32) == 0
    assert torch.equal(built(x), before)


def test_whole_model_has_the_loss_and_gradients_of_peft(tiny_model_folder: Path) -> None:
    ids = torch.arange(40).reshape(1, 40) + 5

    def trained(*, fused: bool) -> tuple[float, dict[str, torch.Tensor]]:
        model = load_for_training(tiny_model_folder, quantization="nf4", dtype=torch.float32)
        torch.manual_seed(3)
        tuned = peft.get_peft_model(model, peft.LoraConfig(r=4, target_modules="all-linear", init_lora_weights=False))
        if fused:
            assert fuse_lora_layers(tuned, dtype=torch.float32) >= 7
        loss = tuned(input_ids=ids, labels=ids).loss
        loss.backward()
        gradients = {name: one.grad for name, one in tuned.named_parameters() if one.grad is not None}
        return loss.item(), gradients

    loss, gradients = trained(fused=True)
    expected_loss, expected = trained(fused=False)
    assert loss == pytest.approx(expected_loss, rel=1e-5)
    assert gradients.keys() == expected.keys()
    for name, gradient in gradients.items():
        assert (gradient - expected[name]).norm() <= 1e-4 * expected[name].norm(), name
