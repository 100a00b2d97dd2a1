"""How plain PyTorch trains beside us: AdamW in one pass, clipped gradients, a warm-up and a cosine."""

from collections.abc import Callable
from typing import Any

import numpy as np
import torch


def descent(model: torch.nn.Module, details: Any) -> Callable[[Callable[[], torch.Tensor]], None]:
    """Return what takes a step of training, with the numbers that our recipes take.

    Args:
        model: What is trained.
        details: Options as `kerasarch.training.LanguageOptions` has them.

    Returns:
        A function of one that returns the loss.
    """
    groups = [
        {"params": [one for one in model.parameters() if one.dim() > 1], "weight_decay": details.weight_decay},
        {"params": [one for one in model.parameters() if one.dim() < 2], "weight_decay": 0.0},
    ]
    optimizer = torch.optim.AdamW(groups, details.learning_rate, betas=(0.9, details.beta), fused=True)
    total, warmup = details.steps, details.warmup

    def rate(step: int) -> float:
        if step < warmup:
            return (step + 1) / warmup
        share = min((step - warmup) / (total - warmup), 1.0)
        return details.final_rate + (1 - details.final_rate) * 0.5 * (1 + np.cos(np.pi * share))

    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, rate)

    def step(loss_of: Callable[[], torch.Tensor]) -> None:
        optimizer.zero_grad()
        loss = loss_of()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), details.clip)
        optimizer.step()
        schedule.step()
        loss.item()

    return step
