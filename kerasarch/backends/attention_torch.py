"""Attention for PyTorch: its fused kernel, on CPUs too, whose memory grows with the number of tokens.

Dao et al., 2022 (https://arxiv.org/abs/2205.14135). Keras 3.15 copies query, key and value first.
"""

from typing import Any

import torch
from keras import ops
from torch.nn import functional

MASKED = -1e30
CHANNELS = 8  # what kernels of GPUs want widths to be multiples of
CONSTANT = 64.0  # keeps what is beside it within float16


def attend(query: Any, key: Any, value: Any, mask: Any, causal: bool, bias: Any = None) -> Any:
    """Apply attention: see ``operations.attend``. The fused kernels have no second derivative."""
    query, key, value = (ops.convert_to_tensor(part).transpose(1, 2) for part in (query, key, value))
    return attend_by_head(query, key, value, mask, causal, bias).transpose(1, 2)


def attend_by_head(query: Any, key: Any, value: Any, mask: Any, causal: bool, bias: Any = None) -> Any:
    """Apply attention to tensors ``(B, heads, tokens, width)``."""
    if mask is not None:
        mask = ops.convert_to_tensor(mask, "bool")
        if causal:  # the kernel takes one of both
            past = torch.ones(query.shape[2], key.shape[2], dtype=torch.bool, device=query.device).tril()
            mask, causal = mask & past, False
    if mask is not None and bias is None and not torch.is_grad_enabled():
        # What the kernel makes of a mask at every call; in a record of all layers this is done once.
        mask = torch.where(mask, 0.0, float("-inf")).to(query.dtype)
    if bias is None:
        mixed = functional.scaled_dot_product_attention(query, key, value, attn_mask=mask, is_causal=causal)
    elif query.shape[2] == 1 and not causal:
        mixed = _one_query(query, key, value, mask, bias)
    else:
        width = query.shape[-1]
        mixed = functional.scaled_dot_product_attention(
            *_with_bias(query, key, value, bias), attn_mask=mask, is_causal=causal, scale=width**-0.5
        )[..., :width]
    return mixed


def write_places(kept: Any, new: Any, start: Any) -> Any:
    """Write new places: see ``operations.write_places``."""
    kept, new, start = (ops.convert_to_tensor(part) for part in (kept, new, start))
    places = start[..., None] + torch.arange(new.shape[1], device=kept.device)  # (T,), or (B, T)
    kept = kept.clone() if torch.is_grad_enabled() else kept
    if places.ndim == 1:
        return kept.index_copy_(2, places, new.transpose(1, 2))
    rows = torch.arange(len(places), device=kept.device)[:, None]
    kept.transpose(1, 2).index_put_((rows, places), new)
    return kept


def _one_query(query: Any, key: Any, value: Any, mask: Any, bias: Any) -> Any:
    scores = (query @ key.transpose(2, 3)).float() * query.shape[-1] ** -0.5 + bias
    if mask is not None:
        scores = torch.where(mask, scores, MASKED)
    return scores.softmax(-1).to(value.dtype) @ value


def _with_bias(query: Any, key: Any, value: Any, bias: Any) -> tuple[Any, Any, Any]:
    """Return query, key and value with channels whose products are the bias.

    The kernel would want a bias for each pair of tokens. Three channels hold its 24 bits in half precision too.
    """
    rest = (bias.transpose(2, 3) * (query.shape[-1] ** 0.5 / CONSTANT)).expand(*key.shape[:3], 1)
    parts = []
    for _ in range(3):
        parts.append(rest.to(key.dtype))
        rest = rest - parts[-1].float()
    ones = query.new_full((*query.shape[:3], 3), CONSTANT)
    more = CHANNELS - 3
    key = functional.pad(torch.cat([key, *parts], dim=-1), (0, more))
    return functional.pad(torch.cat([query, ones], dim=-1), (0, more)), key, functional.pad(value, (0, CHANNELS))
