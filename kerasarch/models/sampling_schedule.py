"""How often a decoder in training reads the right token, and how often its own."""

import dataclasses
from typing import Any, Literal, get_args

from keras import ops

from kerasarch.errors import UsageError

Kind = Literal["linear", "exponential", "inverse_sigmoid"]
KINDS = get_args(Kind)


@dataclasses.dataclass(frozen=True)
class SamplingSchedule:
    """The probability of reading the right token after i batches: Bengio et al., 2015, section 2.4.

    ``"linear"``: ``max(floor, offset - rate i)``; ``"exponential"``: ``rate ** i``; ``"inverse_sigmoid"``:
    ``rate / (rate + exp(i / rate))`` (https://arxiv.org/abs/1506.03099).

    Attributes:
        kind: Which of them.
        rate: Above 0; below 1 for ``"exponential"``, 1 or more for ``"inverse_sigmoid"``.
        offset: Of ``"linear"``: what it begins with.
        floor: Of ``"linear"``: what it ends with.

    Raises:
        UsageError: A value is out of its range.
    """

    kind: Kind
    rate: float
    offset: float = 1.0
    floor: float = 0.0

    def __post_init__(self) -> None:
        """Check the values."""
        fits = {
            "linear": self.rate > 0 and 0 <= self.floor <= self.offset <= 1,
            "exponential": 0 < self.rate < 1,
            "inverse_sigmoid": self.rate >= 1,
        }
        if not fits.get(self.kind, False):
            raise UsageError(
                "A SamplingSchedule is linear (rate above 0, 0 <= floor <= offset <= 1), exponential (rate between 0 "
                f"and 1) or inverse_sigmoid (rate of 1 or more). Received {self}."
            )

    def share(self, step: Any) -> Any:
        """Return the probability of reading the right token, a float32 scalar.

        Args:
            step: Batches so far.
        """
        step = ops.cast(step, "float32")
        if self.kind == "linear":
            return ops.maximum(self.floor, self.offset - self.rate * step)
        if self.kind == "exponential":
            return ops.power(ops.cast(self.rate, "float32"), step)
        return self.rate / (self.rate + ops.exp(step / self.rate))
