"""Attention of packed rows on a CPU, row by row, where transformers computes one matrix over the whole pack.

Four rows of 128 tokens in a pack of 512 are four blocks of 128 x 128 on the diagonal of a matrix of 512 x 512; all
else is masked. Here only the blocks are computed. Keys and values are not repeated for each of their query heads, and
a row's probabilities are all that is kept for the backward pass.

    P  = softmax(s Q K' + mask)      O  = P V
    dS = s P (dP - rowsum(P dP))     dP = dO V'     dQ = dS K     dK = dS' Q     dV = P' dO

Invariant: in float32 outputs and gradients equal those of transformers' eager attention to rounding. What a token sees
within its row is read from the model's own mask, so sliding windows hold. Calls without packed rows, with dropout or
with anything else that this module does not compute go to transformers' sdpa.
"""

from __future__ import annotations

import functools
from itertools import pairwise
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch

NAME = "toolft_blocks"
"""The value of `attn_implementation`."""

MAX_BLOCK_TOKENS = 1024
"""Tokens of a row up to which its probabilities are kept; longer rows use torch's fused attention, which computes them
again and is slower on a CPU (144 tokens/s against 163 at 512, Gemma 3 270M)."""

LENGTH_STEP = 32
"""Rows are computed in blocks of a multiple of so many tokens, because each other length is another kernel."""

_COMPUTED = frozenset({"sliding_window", "position_ids", "cu_seq_lens_q", "cu_seq_lens_k", "max_length_q",
                       "max_length_k", "seq_idx", "is_causal", "use_cache", "output_attentions"})  # fmt: skip
"""Keyword arguments that change nothing here, beside those without a value: the mask holds the window."""


def register_block_attention() -> str:
    """Make the implementation known to transformers; returns its name."""
    from transformers import AttentionInterface, AttentionMaskInterface

    AttentionInterface.register(NAME, _attention)
    AttentionMaskInterface.register(NAME, _whole_mask)
    return NAME


def _whole_mask(*args: Any, **kwargs: Any) -> torch.Tensor | None:
    """A mask of booleans, also where sdpa would do without one."""
    from transformers.masking_utils import sdpa_mask

    mask: torch.Tensor | None = sdpa_mask(*args, **kwargs | {"allow_is_causal_skip": False})
    return mask


def _attention(
    module: torch.nn.Module,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: torch.Tensor | None,
    **kwargs: Any,
) -> tuple[torch.Tensor, None]:
    """Queries (1, heads, tokens, width), keys and values (1, fewer heads, tokens, width), to (1, tokens, heads, width).

    `cu_seq_lens_q` has the borders of the rows: 0, and each row's end.
    """
    import torch
    from transformers import AttentionInterface

    borders = _borders(query, key, attention_mask, kwargs)
    if borders is None:
        whole: tuple[torch.Tensor, None] = AttentionInterface()["sdpa"](
            module, query, key, value, attention_mask, **kwargs
        )
        return whole
    if torch.is_autocast_enabled("cpu"):  # it casts what goes into a product, but not in the backward pass
        query, key, value = (each.to(torch.get_autocast_dtype("cpu")) for each in (query, key, value))
    scale = kwargs.get("scaling")
    scale = query.shape[-1] ** -0.5 if scale is None else scale
    return _function().apply(query, key, value, attention_mask, borders, scale), None


def _borders(
    query: torch.Tensor, key: torch.Tensor, mask: torch.Tensor | None, kwargs: dict[str, Any]
) -> list[tuple[int, int]] | None:
    """First token and end of each row; None if this module does not compute the call."""
    import torch

    ends = kwargs.get("cu_seq_lens_q")
    plain = mask is not None and mask.dtype == torch.bool and mask.shape[:2] == (1, 1) and not kwargs.get("dropout")
    known = {"dropout", "scaling"} | _COMPUTED
    other = any(value is not None for name, value in kwargs.items() if name not in known)
    if ends is None or other or not plain or query.device.type != "cpu" or query.shape[:1] + key.shape[2:3] != (
        1, query.shape[2]
    ):  # fmt: skip
        return None
    places = ends.tolist()
    rows = [(start, end) for start, end in pairwise(places) if end > start]
    if places[0] != 0 or places[-1] != query.shape[2] or max(end - start for start, end in rows) > MAX_BLOCK_TOKENS:
        return None
    return rows


@functools.cache
def _function() -> Any:
    """The autograd function, defined on first use, because this module does not import torch."""
    import torch

    class BlockAttention(torch.autograd.Function):
        """See the module's formulas."""

        @staticmethod
        def forward(
            ctx: Any,
            query: torch.Tensor,
            key: torch.Tensor,
            value: torch.Tensor,
            mask: torch.Tensor,
            rows: list[tuple[int, int]],
            scale: float,
        ) -> torch.Tensor:
            _, heads, tokens, _ = query.shape
            out = query.new_empty(1, tokens, heads, value.shape[-1])
            kept = []
            for start, end in rows:
                part, fill = slice(start, end), -(end - start) % LENGTH_STEP
                queries, keys, values = (_filled(each[0, :, part], fill) for each in (query, key, value))
                scores = torch.bmm(_by_key_head(queries, len(keys)), keys.transpose(1, 2)).float().mul_(scale)
                hidden = torch.nn.functional.pad(~mask[0, 0, part, part], (0, fill, 0, 0), value=True)
                hidden = torch.nn.functional.pad(hidden, (0, 0, 0, fill))  # tokens that fill see all, and nobody them
                chances = scores.view(heads, *hidden.shape).masked_fill_(hidden, -torch.inf).softmax(-1)
                kept.append(chances.view_as(scores).to(query.dtype))
                seen = torch.bmm(kept[-1], values).view(*queries.shape[:2], -1)
                out[0, part] = seen[:, : end - start].transpose(0, 1)
            ctx.save_for_backward(query, key, value, *kept)
            ctx.rows, ctx.scale = rows, scale
            return out

        @staticmethod
        def backward(ctx: Any, gradient: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
            query, key, value, *kept = ctx.saved_tensors
            by_query, by_key, by_value = torch.empty_like(query), torch.empty_like(key), torch.empty_like(value)
            for (start, end), chances in zip(ctx.rows, kept, strict=True):
                part, fill, length = slice(start, end), -(end - start) % LENGTH_STEP, end - start
                queries, keys, values = (_filled(each[0, :, part], fill) for each in (query, key, value))
                given = _by_key_head(_filled(gradient[0, part].transpose(0, 1), fill), len(keys))
                by_value[0, :, part] = torch.bmm(chances.transpose(1, 2), given)[:, :length]
                by_chances = torch.bmm(given, values.transpose(1, 2)).float().mul_(chances)
                by_scores = by_chances.sub_(chances * by_chances.sum(-1, keepdim=True)).mul_(ctx.scale).to(query.dtype)
                by_query[0, :, part] = torch.bmm(by_scores, keys).view(queries.shape)[:, :length]
                by_key[0, :, part] = torch.bmm(by_scores.transpose(1, 2), _by_key_head(queries, len(keys)))[:, :length]
            return by_query, by_key, by_value, None, None, None

    return BlockAttention


def _by_key_head(rows: torch.Tensor, key_heads: int) -> torch.Tensor:
    """(heads, tokens, width) to (key heads, query heads of each x tokens, width)."""
    return rows.reshape(key_heads, -1, rows.shape[-1])


def _filled(rows: torch.Tensor, fill: int) -> torch.Tensor:
    """(heads, tokens, width) with `fill` more tokens of zeros, contiguous."""
    import torch

    return torch.nn.functional.pad(rows, (0, 0, 0, fill)) if fill else rows.contiguous()
