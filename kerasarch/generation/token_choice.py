"""How the next token is chosen from its logits."""

import dataclasses
from typing import Any

from keras import ops

from kerasarch.errors import UsageError

NEVER = -1e30
"""Logit of a token that is not to be drawn."""


@dataclasses.dataclass(frozen=True)
class TokenChoice:
    """How the next token is chosen.

    Attributes:
        temperature: What logits are divided by; 0 takes the most probable token.
        top_k: Draw from so many of the most probable tokens; None for all. Fan et al., 2018, section 5.4
            (https://arxiv.org/abs/1805.04833).
        top_p: Draw from the most probable tokens that have this probability together. Holtzman et al., 2019, section
            3.1 (https://arxiv.org/abs/1904.09751).
        min_p: Draw from tokens that are at least so many times as probable as the most probable one. Nguyen et al.,
            2024, section 3 (https://arxiv.org/abs/2407.01082).
        repetition_penalty: Above 1, logits of tokens that the text has already are divided by it if positive, else
            multiplied. Keskar et al., 2019, section 4.1 (https://arxiv.org/abs/1909.05858).

    Raises:
        UsageError: A value is out of its range.
    """

    temperature: float = 1.0
    top_k: int | None = None
    top_p: float | None = None
    min_p: float | None = None
    repetition_penalty: float = 1.0

    def __post_init__(self) -> None:
        """Check the values."""
        for name, holds, wanted in (
            ("temperature", self.temperature >= 0, "0 or more"),
            ("top_k", self.top_k is None or self.top_k >= 1, "1 or more"),
            ("top_p", self.top_p is None or 0 < self.top_p <= 1, "above 0 and at most 1"),
            ("min_p", self.min_p is None or 0 <= self.min_p <= 1, "0 to 1"),
            ("repetition_penalty", self.repetition_penalty > 0, "above 0"),
        ):
            if not holds:
                raise UsageError(f"{name} must be {wanted}. Received {getattr(self, name)}.")

    def choose(self, logits: Any, uniform: Any, seen: Any = None) -> Any:
        """Choose tokens.

        The draw inverts the cumulated probabilities at ``uniform``: the same numbers give the same tokens on every
        backend, but where a probability is met to within rounding.

        Args:
            logits: ``(B, V)``, float32.
            uniform: ``(B,)``, from 0 to below 1; not used at temperature 0.
            seen: ``(B, V)``, true for tokens that the text has; needed with a repetition penalty.

        Returns:
            ``(B,)``, int32.
        """
        logits = ops.convert_to_tensor(logits)
        if self.repetition_penalty != 1:
            weaker = ops.where(logits > 0, logits / self.repetition_penalty, logits * self.repetition_penalty)
            logits = ops.where(seen, weaker, logits)
        if self.temperature == 0:
            return ops.cast(ops.argmax(logits, axis=-1), "int32")
        return drawn(ops.softmax(self.filtered(logits), axis=-1), uniform)

    def filtered(self, logits: Any) -> Any:
        """Return logits over the temperature, those that are not to be drawn at ``NEVER``."""
        logits = logits / self.temperature
        if self.top_k is not None and self.top_k < logits.shape[-1]:
            least = ops.top_k(logits, self.top_k)[0][:, -1:]
            logits = ops.where(logits < least, NEVER, logits)
        if self.top_p is not None and self.top_p < 1:
            ordered = -ops.sort(-logits, axis=-1)
            shares = ops.softmax(ordered, axis=-1)
            inside = ops.cumsum(shares, axis=-1) - shares < self.top_p
            least = ops.min(ops.where(inside, ordered, -NEVER), axis=-1, keepdims=True)
            logits = ops.where(logits < least, NEVER, logits)
        if self.min_p:
            least = ops.max(logits, axis=-1, keepdims=True) + ops.log(ops.cast(self.min_p, logits.dtype))
            logits = ops.where(logits < least, NEVER, logits)
        return logits


def drawn(shares: Any, uniform: Any) -> Any:
    """Draw tokens by the inverse of their cumulated shares.

    Args:
        shares: ``(B, V)``, from 0; their sum counts as 1, whatever it is.
        uniform: ``(B,)``, from 0 to below 1.

    Returns:
        ``(B,)``, int32: tokens with a share above 0.
    """
    summed = ops.cumsum(shares, axis=-1)
    # Of the last sum, which rounding leaves beside 1, so that no token without a share is drawn.
    below = ops.expand_dims(uniform, -1) * summed[:, -1:] >= summed
    last = ops.max(ops.where(shares > 0, ops.arange(shares.shape[-1], dtype="int32"), 0), axis=-1)
    return ops.minimum(ops.sum(ops.cast(below, "int32"), axis=-1), last)
