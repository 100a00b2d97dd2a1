"""How far apart two samples are: maximum mean discrepancy."""

from collections.abc import Sequence
from typing import Any

from keras import ops


def imq_discrepancy(first: Any, second: Any, scales: Sequence[float] = (1.0,), variance: float = 1.0) -> Any:
    """Return the squared maximum mean discrepancy of two samples under inverse multiquadratics kernels.

    ``k(x, y) = C / (C + |x - y|^2), C = 2 * width * variance * scale``, the unbiased estimate: Tolstikhin et al., 2017,
    algorithm 2 and section 4 (https://arxiv.org/abs/1711.01558). Their code sums the scales 0.1 to 10; one is the
    paper's kernel. An unbiased estimate may be negative. It is made of the ``N * (N - 1)`` pairs of rows within each
    sample: one row has none, says nothing, and gives 0. Means over batches weight each estimate with its `pairs`.

    Args:
        first: ``(N, width)``.
        second: ``(N, width)``.
        scales: Factors of C, whose kernels are summed.
        variance: Of the prior's components.

    Returns:
        A scalar.
    """
    count, pairs_within = ops.cast(ops.shape(first)[0], "float32"), pairs(first)
    width = first.shape[-1]
    within_first, within_second = _squared(first, first), _squared(second, second)
    between = _squared(first, second)
    total: Any = 0.0
    for scale in scales:
        constant = 2.0 * width * variance * scale
        # The diagonal, 1 each, does not count.
        within = sum(ops.sum(constant / (constant + distances)) - count for distances in (within_first, within_second))
        total = total + within / ops.maximum(pairs_within, 1.0) - 2 * ops.mean(constant / (constant + between))
    return ops.where(pairs_within > 0, total, 0.0)


def pairs(sample: Any) -> Any:
    """Return how many ordered pairs of different rows ``(N, width)`` has, ``N * (N - 1)``, float32.

    Args:
        sample: ``(N, width)``.
    """
    count = ops.cast(ops.shape(sample)[0], "float32")
    return count * (count - 1)


def _squared(first: Any, second: Any) -> Any:
    """Squared distances ``(N, N)``; differences, because the expansion of the square can come out negative."""
    return ops.sum(ops.square(ops.expand_dims(first, 1) - ops.expand_dims(second, 0)), axis=-1)
