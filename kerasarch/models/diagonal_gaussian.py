"""The Gaussian with independent components that a variational encoder returns."""

import math
from typing import Any

import keras
from keras import ops

from kerasarch.errors import ShapeError

LOG_VARIANCE = (-30.0, 20.0)  # where diffusers cuts it off


class DiagonalGaussian:
    """A batch of Gaussians with independent components.

    The numbers of Kingma & Welling, 2013, appendix B (https://arxiv.org/abs/1312.6114). The log-variance is cut off at
    -30 and 20, as in diffusers, so that an encoder can overflow neither way.

    Args:
        parameters: Means and log-variances, one behind the other on the axis.
        axis: Axis of the channels.

    Attributes:
        mean: Means.
        logvar: Logarithms of the variances.
        axis: Axis of the channels.

    Raises:
        ShapeError: The axis has an odd length.
    """

    def __init__(self, parameters: Any, axis: int = -1):
        if parameters.shape[axis] is None or parameters.shape[axis] % 2:
            raise ShapeError(
                f"Means and log-variances have the same number of channels. Received shape {tuple(parameters.shape)}, "
                f"axis {axis}, whose length must be even."
            )
        self.mean, logvar = ops.split(ops.convert_to_tensor(parameters), 2, axis=axis)
        self.logvar = ops.clip(logvar, *LOG_VARIANCE)
        self.axis = axis

    @property
    def variance(self) -> Any:
        """Variances."""
        return ops.exp(self.logvar)

    @property
    def std(self) -> Any:
        """Standard deviations."""
        return ops.exp(0.5 * self.logvar)

    def mode(self) -> Any:
        """Return the most probable value, which is the mean."""
        return self.mean

    def sample(self, seed: Any) -> Any:
        """Draw one value of each: ``mean + std * noise``.

        Args:
            seed: An integer, or a ``keras.random.SeedGenerator``.
        """
        noise = keras.random.normal(ops.shape(self.mean), dtype=self.mean.dtype, seed=seed)
        return self.mean + self.std * noise

    def kl(self, other: "DiagonalGaussian | None" = None) -> Any:
        """Return the divergence ``KL(self || other)`` in nats, one number an example.

        Args:
            other: The standard normal distribution where it is None.
        """
        if other is None:
            terms = ops.square(self.mean) + self.variance - 1 - self.logvar
        else:
            terms = (
                (ops.square(self.mean - other.mean) + self.variance) / other.variance - 1 - self.logvar + other.logvar
            )
        return 0.5 * _sum(terms)

    def log_prob(self, value: Any) -> Any:
        """Return the logarithm of the density at a value, one number an example."""
        apart = ops.convert_to_tensor(value) - self.mean
        terms = math.log(2 * math.pi) + self.logvar + ops.square(apart) / self.variance
        return -0.5 * _sum(terms)


def _sum(terms: Any) -> Any:
    return ops.sum(terms, axis=tuple(range(1, len(terms.shape))))
