"""Attention for PyTorch: its fused kernel, on CPUs too, whose memory grows with the number of tokens.

Dao et al., 2022 (https://arxiv.org/abs/2205.14135). Keras 3.15 copies query, key and value first.
"""

from typing import Any

import torch
from keras import ops
from torch.nn import functional


def attend(query: Any, key: Any, value: Any, mask: Any, causal: bool) -> Any:
    """Apply attention: see ``operations.attend``. The fused kernels have no second derivative."""
    query, key, value = (ops.convert_to_tensor(part).transpose(1, 2) for part in (query, key, value))
    if mask is not None:
        mask = ops.convert_to_tensor(mask, "bool")
        if causal:  # the kernel takes one of both
            past = torch.ones(query.shape[2], key.shape[2], dtype=torch.bool, device=query.device).tril()
            mask, causal = mask & past, False
    return functional.scaled_dot_product_attention(query, key, value, attn_mask=mask, is_causal=causal).transpose(1, 2)
