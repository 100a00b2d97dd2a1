"""What a decoder's numbers say about pixels: the likelihoods of variational autoencoders."""

import math
from typing import Any

import keras
from keras import ops

from kerasarch.errors import UsageError


class _Likelihood(keras.layers.Layer):
    """What both have: log-likelihood of examples, and the pixels that are expected."""

    step = 1.0  # distance of two neighbouring values of a pixel

    def call(self, x: Any, decoded: Any) -> Any:  # (B, H, W, C) twice
        """Return the log-likelihood of each example in nats: ``(B,)``."""
        raise NotImplementedError

    def mean(self, decoded: Any) -> Any:
        """Return the expected pixels."""
        raise NotImplementedError

    def compute_output_shape(
        self, x_shape: tuple[int | None, ...], decoded_shape: tuple[int | None, ...]
    ) -> tuple[int | None, ...]:
        """Return the shape of the output: one number an example."""
        return (x_shape[0],)


@keras.saving.register_keras_serializable(package="kerasarch")
class Bernoulli(_Likelihood):
    """Pixels that are on or off, with the decoder's numbers as logits.

    ``log p(x | z) = sum_i x_i log y_i + (1 - x_i) log(1 - y_i)``: Kingma & Welling, 2013, appendix C.1, eq. 11
    (https://arxiv.org/abs/1312.6114). Grey pixels between 0 and 1 are usual, and the number is then a bound that
    compares models on the same data, but no probability of the picture.

    Args:
        **kwargs: Passed to ``keras.layers.Layer``.

    Shapes:
        ``(B, ...), (B, ...) -> (B,)``.
    """

    def __init__(self, **kwargs: Any):
        super().__init__(**{"dtype": "float32", **kwargs})  # a sum over pixels does not survive half precision

    def call(self, x: Any, decoded: Any) -> Any:
        """Return the log-likelihood of each example in nats."""
        x, logits = ops.cast(x, "float32"), ops.cast(decoded, "float32")
        return _sum(x * logits - ops.softplus(logits))

    def mean(self, decoded: Any) -> Any:
        """Return the probability of each pixel."""
        return ops.sigmoid(ops.cast(decoded, "float32"))


@keras.saving.register_keras_serializable(package="kerasarch")
class Gaussian(_Likelihood):
    """Pixels with normal noise around the decoder's numbers.

    ``log p(x | z) = -1/2 sum_i (log(2 pi v) + (x_i - y_i)^2 / v)``: Kingma & Welling, 2013, appendix C.2
    (https://arxiv.org/abs/1312.6114), with one variance for all pixels. A learned one balances reconstruction and KL by
    itself: Rybkin et al., 2020, section 3.1 (https://arxiv.org/abs/2006.13202).

    Args:
        variance: A number, or ``"learned"``.
        step: Distance of two neighbouring values of a pixel, ``1 / 255`` for bytes brought to 0 to 1. The density times
            the step is the probability of the value, from which bits per dimension are counted; with 1 they are those
            of the density.
        **kwargs: Passed to ``keras.layers.Layer``.

    Shapes:
        ``(B, ...), (B, ...) -> (B,)``.

    Raises:
        UsageError: The variance is not positive.
    """

    def __init__(self, variance: float | str = "learned", *, step: float = 1.0, **kwargs: Any):
        super().__init__(**{"dtype": "float32", **kwargs})
        if (isinstance(variance, str) and variance != "learned") or (not isinstance(variance, str) and variance <= 0):
            raise UsageError(f'variance must be a positive number or "learned". Received {variance!r}.')
        self.variance = variance
        self.step = step
        if variance == "learned":
            self.log_variance = self.add_weight(name="log_variance", shape=(), initializer="zeros")
        self.built = True

    def call(self, x: Any, decoded: Any) -> Any:
        """Return the log-density of each example in nats."""
        error = ops.square(ops.cast(x, "float32") - ops.cast(decoded, "float32"))
        if self.variance == "learned":
            # Bounded below, because perfect reconstructions would drive it to minus infinity (their section 3.2).
            log_variance = -12.0 + ops.softplus(self.log_variance + 12.0)
        else:
            log_variance = ops.cast(math.log(float(self.variance)), "float32")
        return -0.5 * _sum(math.log(2 * math.pi) + log_variance + error * ops.exp(-log_variance))

    def mean(self, decoded: Any) -> Any:
        """Return the expected value of each pixel."""
        return ops.cast(decoded, "float32")

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make the layer again."""
        return {**super().get_config(), "variance": self.variance, "step": self.step}


def _sum(terms: Any) -> Any:
    return ops.sum(terms, axis=tuple(range(1, len(terms.shape))))
