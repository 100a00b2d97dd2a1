"""Learning rates that are warmed up and fall, counted by the optimizer alone."""

import math
from typing import Any

import keras
from keras import ops

from kerasarch.errors import UsageError


@keras.saving.register_keras_serializable(package="kerasarch")
class WarmupCosine(keras.optimizers.schedules.LearningRateSchedule):
    """A linear warm-up followed by a cosine, counted from any iteration of the optimizer.

    With ``p = iterations + offset``: ``rate * (p + 1) / warmup`` while ``p < warmup``; then
    ``final + (rate - final) * (1 + cos(pi * (p - warmup) / (total - warmup))) / 2``, which stays at ``final`` after
    ``total`` (Loshchilov and Hutter, 2017, eq. 5, https://arxiv.org/abs/1608.03983). It depends on the optimizer's
    own count alone, so that an optimizer restored from a checkpoint goes on exactly.

    Args:
        rate: Rate after the warm-up.
        total: Steps from the start of the warm-up to the end of the cosine; None holds the rate after the warm-up.
        warmup: Steps of the warm-up.
        final: Rate at the end of the cosine, as a fraction of ``rate``.
        offset: Added to the optimizer's iterations.

    Raises:
        UsageError: A number is out of its range.
    """

    def __init__(self, rate: float, *, total: int | None = None, warmup: int = 0, final: float = 0.0, offset: int = 0):
        super().__init__()
        if rate < 0 or warmup < 0 or not 0 <= final <= 1:
            raise UsageError(
                f"Received rate={rate}, warmup={warmup}, final={final}. Expected a rate and a warm-up not below 0 and "
                "a final fraction from 0 to 1."
            )
        self.rate, self.total, self.warmup, self.final, self.offset = rate, total, warmup, final, offset

    def __call__(self, step: Any) -> Any:
        """Rate at a step, a scalar float32 tensor."""
        position = ops.cast(step, "float32") + self.offset
        rate = ops.convert_to_tensor(self.rate, dtype="float32")
        if self.total is not None and self.total > self.warmup:
            progress = ops.clip((position - self.warmup) / (self.total - self.warmup), 0.0, 1.0)
            rate = rate * (self.final + (1 - self.final) * 0.5 * (1 + ops.cos(math.pi * progress)))
        if self.warmup:
            rate = ops.where(position < self.warmup, self.rate * (position + 1) / self.warmup, rate)
        return rate

    def get_config(self) -> dict[str, Any]:
        """Configuration, as in Keras."""
        return {
            "rate": self.rate,
            "total": self.total,
            "warmup": self.warmup,
            "final": self.final,
            "offset": self.offset,
        }


@keras.saving.register_keras_serializable(package="kerasarch")
class InverseSquareRoot(keras.optimizers.schedules.LearningRateSchedule):
    """A linear warm-up, then a rate that falls with the root of the steps; neither asks how many steps there will be.

    With ``n = iterations + 1``: ``rate * min(n / warmup, (warmup / n) ** 0.5)``: Vaswani et al., 2017, eq. 3
    (https://arxiv.org/abs/1706.03762), where ``rate`` is ``(width * warmup) ** -0.5``.

    Args:
        rate: Highest rate, at the end of the warm-up.
        warmup: Steps of the warm-up, 1 or more.

    Raises:
        UsageError: A number is out of its range.
    """

    def __init__(self, rate: float, *, warmup: int):
        super().__init__()
        if rate < 0 or warmup < 1:
            raise UsageError(f"Expected a rate not below 0 and a warm-up of 1 or more. Received {rate} and {warmup}.")
        self.rate, self.warmup = rate, warmup

    def __call__(self, step: Any) -> Any:
        """Rate at a step, a scalar float32 tensor."""
        number = ops.cast(step, "float32") + 1
        return self.rate * ops.minimum(number / self.warmup, ops.sqrt(self.warmup / number))

    def get_config(self) -> dict[str, Any]:
        """Configuration, as in Keras."""
        return {"rate": self.rate, "warmup": self.warmup}
