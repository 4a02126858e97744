"""Tiny random models of each family in fp32, and what each prompt gets alone."""

from __future__ import annotations

import random
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from toolft_pipeline.compute_type import ComputeType
from toolft_pipeline.engines.model_loading import load_model, load_tokenizer
from toolft_pipeline.evaluation.models.generation import Generation
from toolft_pipeline_tests.chat.tokenizers_of_families import stand_in
from toolft_pipeline_tests.family_snapshots import write_snapshot

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

IDS = range(300, 600)
"""Ids that prompts are made of: no control token of any family's tokenizer."""


class TinyModel:
    """A model of a family, and an evaluation that answers one prompt at a time."""

    def __init__(self, folder: Path, family: str) -> None:
        if not folder.exists():
            _write_gemma3(folder) if family == "gemma3" else write_snapshot(folder, family)
        self.folder = folder
        self.model: PreTrainedModel = load_model(folder, compute=ComputeType.FP32)
        self.tokenizer: PreTrainedTokenizerBase = load_tokenizer(folder)

    def alone(
        self, ids: Sequence[int], *, max_new_tokens: int, stops: tuple[str, ...] = ()
    ) -> tuple[Generation, list[int]]:
        """The answer that transformers' own `generate` gives to one prompt, and its tokens up to the first stop."""
        import torch

        limits = {"max_new_tokens": max_new_tokens, "do_sample": False, "eos_token_id": None}
        with torch.inference_mode():
            whole = self.model.generate(torch.tensor([list(ids)]), **limits)[0, len(ids) :].tolist()
        tokens, text, finished = [], "", False
        for token in whole:
            tokens.append(token)
            text = self.tokenizer.decode(tokens, skip_special_tokens=False)
            ends = [text.index(stop) for stop in stops if stop in text]
            if ends:
                text, finished = text[: min(ends)], True
                break
        counts = {"n_prompt_tokens": len(ids), "n_new_tokens": len(tokens)}
        return Generation(text=text, finished=finished, latency_ms=0.0, **counts), tokens


def _write_gemma3(folder: Path) -> None:
    """A text model whose sliding window is shorter than the prompts, with a head of its own: its answers vary."""
    import torch
    from transformers import Gemma3ForCausalLM, Gemma3TextConfig

    tokenizer = stand_in("gemma3")
    config = Gemma3TextConfig(
        **{"vocab_size": len(tokenizer), "hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2},
        **{"num_attention_heads": 2, "num_key_value_heads": 1, "head_dim": 16, "sliding_window": 32},
        **{"layer_types": ["sliding_attention", "full_attention"], "query_pre_attn_scalar": 16},
        **{"tie_word_embeddings": False, "initializer_range": 0.1, "max_position_embeddings": 4096},
    )
    with torch.random.fork_rng(), torch.no_grad():
        torch.manual_seed(0)
        model = Gemma3ForCausalLM(config)
        for name, weight in model.named_parameters():
            if "q_norm" in name or "k_norm" in name:
                weight.fill_(1.0)  # doubles queries and keys, so that attention picks single tokens
        model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)


def drawn_ids(drawn: random.Random, length: int) -> tuple[int, ...]:
    """A prompt of random ids."""
    return tuple(drawn.choices(IDS, k=length))
