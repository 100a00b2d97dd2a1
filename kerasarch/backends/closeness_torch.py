"""Whether a record on PyTorch gives what was recorded."""

from typing import Any

import torch


def close(one: Any, other: Any) -> bool:
    """Whether tensors agree but for rounding, which differs where a kernel adds up in another order."""
    one, other = one.float(), other.float()
    size = other.abs().max() if other.numel() else 0.0
    return torch.allclose(one, other, rtol=0.0, atol=float(1e-3 * size), equal_nan=True)
