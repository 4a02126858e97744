"""Whether batched decoding writes the tokens that one-at-a-time decoding writes.

In bf16 sums of other shapes round otherwise, so the best two tokens may change places where they are nearly equal. A
token is compared where all before it are equal: up to an answer's first other token, for what stands behind that was
asked of another text. There the model is asked once more for the two best logits, of the one-at-a-time prompt, to see
how near they were. How much of the answers stands before any other token is a figure of its own.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from toolft_pipeline.evaluation.models.decoding import TransformersGenerator
from toolft_pipeline.evaluation.models.generation import Generation

if TYPE_CHECKING:
    from transformers import PreTrainedModel

Tokens = dict[tuple[int, ...], list[int]]
"""The tokens of answers, by their prompts."""


class Recording(TransformersGenerator):
    """Notes the tokens of every answer."""

    def __init__(self, *, tokens: Tokens, **settings: Any) -> None:
        super().__init__(**settings)
        self.tokens = tokens

    def answers(self, prompts: Sequence[Sequence[int]]) -> list[tuple[Generation, tuple[int, ...]]]:
        """As always."""
        answers = super().answers(prompts)
        self.tokens |= {tuple(prompt): list(tokens) for prompt, (_, tokens) in zip(prompts, answers, strict=True)}
        return answers


@dataclass(frozen=True, kw_only=True)
class Divergence:
    """A first other token: how many were equal before it, and how far the two best logits lay apart there.

    `best_two` says whether both runs took one of the two best.
    """

    place: int
    gap: float
    best_two: bool


@dataclass(frozen=True, kw_only=True)
class Agreement:
    """Tokens of the one-at-a-time answers, those equal up to the first other one, and every divergence."""

    tokens: int
    equal: int
    divergences: tuple[Divergence, ...]

    @property
    def figures(self) -> dict[str, float]:
        """For the results."""
        return {
            "tokens": float(self.tokens),
            "equal_tokens": self.equal / (self.equal + len(self.divergences)),
            "before_any_other": self.equal / self.tokens,
            "divergences": float(len(self.divergences)),
            "widest_gap": max((each.gap for each in self.divergences), default=0.0),
            "divergences_not_of_the_best_two": float(sum(not each.best_two for each in self.divergences)),
        }


def token_agreement(alone: Tokens, together: Tokens, *, model: PreTrainedModel) -> Agreement:
    """The answers to the prompts that both runs asked; after another answer a rollout asks another prompt."""
    shared = sorted(alone.keys() & together.keys())
    equal, divergences = 0, []
    for prompt in shared:
        ours, theirs = alone[prompt], together[prompt]
        same = next((at for at, (a, b) in enumerate(zip(ours, theirs, strict=False)) if a != b), len(ours))
        equal += same
        if ours != theirs:
            taken = {*ours[same : same + 1], *theirs[same : same + 1]}
            divergences.append(_divergence(model, [*prompt, *ours[:same]], place=same, taken=taken))
    tokens = sum(len(alone[prompt]) for prompt in shared)
    return Agreement(tokens=tokens, equal=equal, divergences=tuple(divergences))


def _divergence(model: PreTrainedModel, ids: list[int], *, place: int, taken: set[int]) -> Divergence:
    import torch

    with torch.inference_mode():
        logits = model(input_ids=torch.tensor([ids], device=model.device), logits_to_keep=1).logits[0, -1].float()
    best = logits.topk(2)
    gap = float(best.values[0] - best.values[1])
    return Divergence(place=place, gap=gap, best_two=taken <= set(best.indices.tolist()))
