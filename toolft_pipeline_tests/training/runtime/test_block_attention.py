"""Attention row by row has the outputs and gradients of rows alone in eager attention; the rest is left to sdpa."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import torch

from toolft_pipeline.training.base.quantized import load_for_training
from toolft_pipeline.training.runtime import block_attention
from toolft_pipeline.training.runtime.block_attention import NAME
from toolft_pipeline_tests.family_snapshots import FAMILIES, write_snapshot

if TYPE_CHECKING:
    from transformers import PreTrainedModel

WINDOW = 16
LENGTHS = (30, 5, 1, 41)
"""Rows longer than the window, shorter, and of one token."""


@pytest.fixture(scope="module", params=FAMILIES)
def folder(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp(request.param)
    write_snapshot(place, request.param)
    return place


def test_packed_rows_equal_rows_alone_in_eager_attention(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Hidden states, and gradients by the embedded input, of which the last rows' depend on every earlier token."""
    rows = [torch.randint(100, 200, (length,), generator=torch.Generator().manual_seed(length)) for length in LENGTHS]
    calls = _count_calls(monkeypatch)
    blocks = _hidden_and_gradient(_loaded(folder, NAME), torch.cat(rows), **_packed(LENGTHS))
    assert calls, "attention by blocks was not used"
    eager = _loaded(folder, "eager")
    alone = [_hidden_and_gradient(eager, row) for row in rows]
    for part in (0, 1):
        wanted = torch.cat([one[part] for one in alone])
        errors = (blocks[part] - wanted).norm(dim=-1) / wanted.norm(dim=-1)
        assert errors.max() < 1e-4, "eager attention of the pack itself differs by up to 1.4e-5"


def test_a_window_narrows_what_is_seen(folder: Path) -> None:
    """Without this the comparison above would hold for a module that ignores the window."""
    if folder.name.startswith(("llama3", "qwen3")):
        pytest.skip("no sliding window")
    row = torch.arange(100, 141)
    given = _packed((41,))
    windowed, _ = _hidden_and_gradient(_loaded(folder, NAME), row, **given)
    model = _loaded(folder, NAME)
    for config in (model.config, model.config.get_text_config()):
        config.sliding_window = 4096
    whole, _ = _hidden_and_gradient(model, row, **given)
    assert not torch.allclose(windowed[-1], whole[-1], atol=1e-4)
    torch.testing.assert_close(windowed[:WINDOW], whole[:WINDOW])


@pytest.mark.parametrize("case", ["one row without borders", "a row too long", "two rows side by side"])
def test_everything_else_goes_to_sdpa(folder: Path, case: str, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = _count_calls(monkeypatch)
    monkeypatch.setattr(block_attention, "MAX_BLOCK_TOKENS", 32)
    ids = torch.arange(100, 140)
    given: dict[str, Any] = _packed((40,)) if case == "a row too long" else {}
    model, eager = _loaded(folder, NAME), _loaded(folder, "eager")
    batch = ids.expand(2, -1) if case == "two rows side by side" else ids[None]
    with torch.no_grad():
        found, wanted = model(input_ids=batch, use_cache=False, **given), eager(input_ids=batch, use_cache=False)
    torch.testing.assert_close(found.logits, wanted.logits, rtol=2e-4, atol=2e-5)
    assert not calls


def test_training_loads_the_base_with_it(tiny_model_folder: Path) -> None:
    model = load_for_training(tiny_model_folder, quantization="none")
    assert model.config._attn_implementation == NAME


def _loaded(folder: Path, attention: str) -> PreTrainedModel:
    from transformers import AutoConfig, AutoModelForCausalLM

    block_attention.register_block_attention()
    config = AutoConfig.from_pretrained(folder)
    if getattr(config.get_text_config(), "sliding_window", None):
        config.get_text_config().sliding_window = WINDOW
    model: PreTrainedModel = AutoModelForCausalLM.from_pretrained(
        folder, config=config, dtype=torch.float32, attn_implementation=attention
    )
    return model


def _packed(lengths: Sequence[int]) -> dict[str, Any]:
    """The arguments that TRL's collator makes for packed rows."""
    ends = torch.tensor([0, *lengths]).cumsum(0).to(torch.int32)
    longest = max(lengths)
    return {
        "position_ids": torch.cat([torch.arange(length) for length in lengths])[None],
        **{"cu_seq_lens_q": ends, "cu_seq_lens_k": ends, "max_length_q": longest, "max_length_k": longest},
    }


def _hidden_and_gradient(model: PreTrainedModel, ids: torch.Tensor, **given: Any) -> tuple[torch.Tensor, torch.Tensor]:
    """Logits (tokens, vocabulary), and the gradient of a function of them by the embedded tokens (tokens, width)."""
    kept: list[torch.Tensor] = []

    def keep(_module: torch.nn.Module, _given: object, embedded: torch.Tensor) -> torch.Tensor:
        kept.append(embedded.detach().requires_grad_())
        return kept[-1]

    hook = model.get_input_embeddings().register_forward_hook(keep)  # type: ignore[union-attr]
    logits = model(input_ids=ids[None], use_cache=False, **given).logits[0]
    hook.remove()
    weights = torch.linspace(-1, 1, logits.shape[-1])
    (logits.float() @ weights).square().sum().backward()
    assert kept[0].grad is not None
    return logits.detach(), kept[0].grad[0]


def _count_calls(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    calls: list[int] = []
    made = block_attention._function

    def counted() -> Any:
        calls.append(1)
        return made()

    monkeypatch.setattr(block_attention, "_function", counted)
    return calls
