"""Penalties as objects that a learner is given: what is computed, with which weight."""

from collections.abc import Callable
from typing import Any

import keras
from keras import ops

from kerasarch.training.adversarial.penalties import gradient_penalty, interpolate, r1_penalty, r2_penalty


class Penalty:
    """A term of a discriminator's loss. Subclasses have a ``name``, under which it is logged, and are called.

    Args:
        weight: Weight of the term.
    """

    name = "penalty"

    def __init__(self, weight: float):
        self.weight = float(weight)

    def __call__(self, score: Callable[[Any], Any], real: Any, fake: Any, mix: Any) -> Any:
        """Compute the weighted penalty.

        Args:
            score: Function from pictures to scores.
            real: Real pictures.
            fake: Generated pictures.
            mix: Uniform random numbers ``(B,)``, for penalties between the two.
        """
        raise NotImplementedError(f"{type(self).__name__} does not say what it computes")

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make the penalty again."""
        return {"weight": self.weight}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> "Penalty":
        """Make the penalty of a configuration."""
        return cls(**config)


@keras.saving.register_keras_serializable(package="kerasarch")
class GradientPenalty(Penalty):
    """The gradient penalty of WGAN-GP at points between real and generated pictures.

    ``weight * E (||grad D(x)||_2 - target)^2``: Gulrajani et al., 2017, eq. 3 (https://arxiv.org/abs/1704.00028). The
    critic must not have batch normalization.

    Args:
        weight: Lambda.
        target: The norm.
    """

    name = "gradient_penalty"

    def __init__(self, weight: float = 10.0, target: float = 1.0):
        super().__init__(weight)
        self.target = float(target)

    def __call__(self, score: Callable[[Any], Any], real: Any, fake: Any, mix: Any) -> Any:
        """Compute the weighted penalty."""
        return self.weight * gradient_penalty(score, interpolate(real, fake, mix), self.target)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make the penalty again."""
        return {**super().get_config(), "target": self.target}


@keras.saving.register_keras_serializable(package="kerasarch")
class R1(Penalty):
    """``weight / 2 * E ||grad D(x)||^2`` at real pictures: Mescheder et al., 2018, eq. 9
    (https://arxiv.org/abs/1801.04406).

    Args:
        weight: Gamma.
    """

    name = "r1_penalty"

    def __init__(self, weight: float = 10.0):
        super().__init__(weight)

    def __call__(self, score: Callable[[Any], Any], real: Any, fake: Any, mix: Any) -> Any:
        """Compute the weighted penalty."""
        return r1_penalty(score, real, self.weight)


@keras.saving.register_keras_serializable(package="kerasarch")
class R2(Penalty):
    """``weight / 2 * E ||grad D(G(z))||^2`` at generated pictures: Mescheder et al., 2018, eq. 10.

    Args:
        weight: Gamma.
    """

    name = "r2_penalty"

    def __init__(self, weight: float = 10.0):
        super().__init__(weight)

    def __call__(self, score: Callable[[Any], Any], real: Any, fake: Any, mix: Any) -> Any:
        """Compute the weighted penalty."""
        return r2_penalty(score, fake, self.weight)


@keras.saving.register_keras_serializable(package="kerasarch")
class PathLength(keras.layers.Layer):
    """Path-length regularisation with its running target.

    ``weight * E (||J^T y||_2 - a)^2`` where ``a`` is the exponential moving average of the lengths: Karras et al.,
    2020, eq. 4 (https://arxiv.org/abs/1912.04958). The weight 2 and the decay are those of the authors' code.

    Args:
        weight: Weight of the penalty.
        decay: Share of the new mean that moves ``a``.
        **kwargs: Passed to ``keras.layers.Layer``.

    Shapes:
        Lengths ``(B,)`` to a scalar.
    """

    def __init__(self, weight: float = 2.0, decay: float = 0.01, **kwargs: Any):
        super().__init__(**kwargs)
        self.weight, self.decay = weight, decay
        self.target = self.add_weight(shape=(), initializer="zeros", trainable=False, dtype="float32", name="target")
        self.built = True

    def call(self, lengths: Any) -> Any:
        """Move the target towards these lengths, then return the penalty: in this order, as the authors do."""
        mean = ops.stop_gradient(ops.mean(lengths))
        target = self.target + self.decay * (mean - self.target)
        self.target.assign(target)
        return self.weight * ops.mean(ops.square(lengths - ops.stop_gradient(target)))

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make the layer again."""
        return {**super().get_config(), "weight": self.weight, "decay": self.decay}
