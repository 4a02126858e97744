"""Batched decoding of a loaded model, on CPU or CUDA: greedy, or drawn by seeds.

Invariant: a row's answer is the one that it would get alone, up to the rounding of batched arithmetic (in fp32 the
same tokens). So padding is only at the far left of a row. If prompts share a prefix (few-shot examples, a full
catalog), its keys and values are computed once and shifted right by each row's padding, and the last tokens of the
prefix are computed again in the space that this leaves, so that sliding windows see no gap.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from toolft_pipeline.engines.decoding.stop_rule import StopRule
from toolft_pipeline.engines.engine import DecodeRequest
from toolft_pipeline.engines.sampling import Sampler
from toolft_pipeline.engines.token_mask import TokenMask
from toolft_pipeline.evaluation.models.generation import Generation, Generator, Sampling

if TYPE_CHECKING:
    import torch
    from transformers import DynamicCache, PreTrainedModel, PreTrainedTokenizerBase

REPORT_S = 10.0
"""Seconds between progress lines."""

SHORTEST_PREFIX = 64
"""Shortest shared prefix, in tokens, that gets a pass of its own."""

TOKENS_AT_ONCE = 32_768
"""Token limit of a batch: 0.6 GB of keys and values for Gemma 3 270M, copied once for every generated token."""

Prefix = list[tuple["torch.Tensor", "torch.Tensor"]]
"""Keys and values of each layer, shape (1, heads, tokens, width)."""


class TransformersGenerator(Generator):
    """Decoding with transformers: rows sorted by length, decoded in batches, dropped when they end.

    Greedy, unless `sampling` says how tokens are drawn; it is set before the first call.
    """

    sampling: Sampling | None = None

    def __init__(
        self,
        *,
        model: PreTrainedModel,
        tokenizer: PreTrainedTokenizerBase,
        stops: Sequence[str],
        max_new_tokens: int,
        batch_size: int,
        progress: Callable[[str], None] = lambda _line: None,
        mask_of_turn: Callable[[], TokenMask] | None = None,
    ) -> None:
        """`mask_of_turn` makes the mask of each answer, where decoding is constrained."""
        self._model = model
        self._mask_of_turn = mask_of_turn
        self._stops = StopRule(tokenizer, stops)
        self._max_new_tokens = max_new_tokens
        self._batch_size = batch_size
        self._progress = progress
        self._prefix: Prefix = []
        self._prefix_ids: tuple[int, ...] = ()
        self._reported = time.monotonic()

    def generate(self, prompts: Sequence[Sequence[int]]) -> list[Generation]:
        """Answer in the order of the prompts; the longest are decoded first, so memory runs out early."""
        import torch

        rows = sorted(range(len(prompts)), key=lambda row: -len(prompts[row]))
        answers: dict[int, Generation] = {}
        with torch.inference_mode():
            self._share(prompts)
            while len(answers) < len(rows):
                done = len(answers)
                width = len(prompts[rows[done]]) + self._max_new_tokens
                batch = rows[done : done + min(self._batch_size, max(1, TOKENS_AT_ONCE // width))]
                label = f"decoded {done} of {len(rows)} prompts"
                answers |= dict(zip(batch, self._batch([prompts[row] for row in batch], label=label), strict=True))
        return [answers[row] for row in range(len(prompts))]

    def _share(self, prompts: Sequence[Sequence[int]]) -> None:
        """Cache the keys and values of the prompts' shared prefix; each keeps at least one token of its own."""
        if len(prompts) < 2:
            return
        shared = _shared_prefix(prompts)
        held = self._prefix_ids
        if len(shared) < SHORTEST_PREFIX or (held and shared[: len(held)] == held and len(shared) < 2 * len(held)):
            return
        self._prefix_ids = shared
        cache = _empty_cache()
        for start in range(0, len(shared), 512):  # bounds the attention's memory and the time between progress lines
            ids = self._tensor([shared[start : start + 512]])
            self._model(input_ids=ids, past_key_values=cache, use_cache=True, logits_to_keep=1)
            self._report(f"read {start} of {len(shared)} tokens of the shared prefix")
        self._prefix = [(layer.keys, layer.values) for layer in cache.layers]

    def _batch(self, prompts: list[Sequence[int]], *, label: str) -> list[Generation]:
        import torch

        started = time.monotonic()
        width = max(map(len, prompts))
        pads = [width - len(prompt) for prompt in prompts]
        cache, done = self._first_cache(prompts, pads)
        padded = [[0] * pad + list(prompt) for pad, prompt in zip(pads, prompts, strict=True)]
        ids = self._tensor(padded)[:, done:]
        mask = torch.ones(len(prompts), width, dtype=torch.long, device=ids.device)
        for row, pad in enumerate(pads):
            mask[row, :pad] = 0
        written: list[list[int]] = [[] for _ in prompts]
        latency = [0.0] * len(prompts)
        active = list(range(len(prompts)))
        masks = [] if self._mask_of_turn is None else [self._mask_of_turn() for _ in prompts]
        samplers = [] if self.sampling is None else [self._sampler(self.sampling, prompt) for prompt in prompts]
        for _ in range(self._max_new_tokens):
            positions = (mask.cumsum(-1) - 1).clamp(min=0)[:, -ids.shape[1] :]
            logits = self._model(
                input_ids=ids, attention_mask=mask, position_ids=positions, past_key_values=cache,
                use_cache=True, logits_to_keep=1,
            ).logits  # fmt: skip
            last = logits[:, -1]
            if masks:
                last = torch.stack([masks[row].allowed(last[place].clone()) for place, row in enumerate(active)])
            if samplers:
                drawn = [samplers[row].choose(last[place]) for place, row in enumerate(active)]
                chosen = torch.tensor(drawn, device=ids.device)
            else:
                chosen = last.argmax(-1)
            going = []
            for place, token in enumerate(chosen.tolist()):
                row = active[place]
                written[row].append(token)
                latency[row] = (time.monotonic() - started) * 1000
                if not self._stops.ends(written[row]):
                    going.append(place)
                    if masks:
                        masks[row].accept(token)
            if not going:
                break
            if len(going) < len(active):
                kept = torch.tensor(going, device=ids.device)
                cache.batch_select_indices(kept)
                mask, chosen, active = mask[kept], chosen[kept], [active[place] for place in going]
            ids = chosen[:, None]
            mask = torch.cat([mask, mask.new_ones(len(active), 1)], dim=1)
            self._report(f"{label}, {len(active)} still running, {sum(map(len, written))} tokens generated")
        busy_ms = (time.monotonic() - started) * 1000 / len(prompts)
        return [
            self._answer(tokens, prompt, latency_ms=wait, busy_ms=busy_ms, batch_rows=len(prompts))
            for tokens, prompt, wait in zip(written, prompts, latency, strict=True)
        ]

    def _sampler(self, sampling: Sampling, prompt: Sequence[int]) -> Sampler:
        return Sampler(
            DecodeRequest(
                ids=tuple(prompt),
                max_new_tokens=self._max_new_tokens,
                temperature=sampling.temperature,
                seed=sampling.seed(prompt),
            )
        )

    def _first_cache(self, prompts: list[Sequence[int]], pads: list[int]) -> tuple[DynamicCache, int]:
        """The cache that a batch starts with, and how many positions of each padded row it holds."""
        import torch

        shared = len(self._prefix_ids)
        begins = all(len(p) > shared and tuple(p[:shared]) == self._prefix_ids for p in prompts)
        if not shared or not begins or max(pads) > shared:
            return _empty_cache(), 0

        def shifted(held: torch.Tensor) -> torch.Tensor:
            kept = [torch.nn.functional.pad(held[:, :, : shared - pad], (0, 0, pad, 0)) for pad in pads]
            return torch.cat(kept)

        return _filled_cache([(shifted(keys), shifted(values)) for keys, values in self._prefix]), shared

    def _answer(
        self, tokens: list[int], prompt: Sequence[int], *, latency_ms: float, busy_ms: float, batch_rows: int
    ) -> Generation:
        return Generation(
            text=self._stops.text(tokens),
            n_prompt_tokens=len(prompt),
            n_new_tokens=len(tokens),
            latency_ms=latency_ms,
            busy_ms=busy_ms,
            finished=self._stops.ends(tokens),
            batch_rows=batch_rows,
        )

    def _tensor(self, rows: Sequence[Sequence[int]]) -> torch.Tensor:
        import torch

        return torch.tensor([list(row) for row in rows], device=self._model.device)

    def _report(self, line: str) -> None:
        now = time.monotonic()
        if now - self._reported >= REPORT_S:
            self._reported = now
            self._progress(line)


def _empty_cache() -> DynamicCache:
    """A cache that keeps every token in every layer; sliding windows are masks."""
    from transformers import DynamicCache

    return DynamicCache()


def _filled_cache(layers: Sequence[Sequence[torch.Tensor]]) -> DynamicCache:
    from transformers import DynamicCache

    return DynamicCache(ddp_cache_data=layers)


def _shared_prefix(prompts: Sequence[Sequence[int]]) -> tuple[int, ...]:
    """The prompts' shared prefix, without the last token of the shortest: first and last in sort order decide."""
    first, last = min(map(tuple, prompts)), max(map(tuple, prompts))
    length = next((at for at, (a, b) in enumerate(zip(first, last, strict=False)) if a != b), len(first))
    return first[: min(length, min(map(len, prompts)) - 1)]
