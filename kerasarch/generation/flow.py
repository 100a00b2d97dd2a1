"""Straight lines from noise to data: what flow matching and rectified flow learn."""

import dataclasses
from typing import Any, Literal

import keras
from keras import ops

from kerasarch.errors import UsageError
from kerasarch.generation.process import Process


@keras.saving.register_keras_serializable(package="kerasarch")
@dataclasses.dataclass(frozen=True)
class Flow(Process):
    """The process ``x_t = (1 - t) x_0 + t noise``, whose velocity ``noise - x_0`` a network learns.

    Liu et al., 2022, eq. 1 (https://arxiv.org/abs/2209.03003); Lipman et al., 2022, eq. 20 to 23 with no least
    deviation (https://arxiv.org/abs/2210.02747). Time runs from data to noise, as in diffusion models.

    Args:
        draws: Which times are trained: ``"uniform"``, or ``"logit_normal"``, more of the middle (Esser et al., 2024,
            eq. 19 with location 0 and scale 1, https://arxiv.org/abs/2403.03206).
        steps: What the network is told at the noisy end, as if it had been trained with so many steps.

    Raises:
        UsageError: An argument is out of range.
    """

    draws: Literal["uniform", "logit_normal"] = "uniform"
    steps: int = 1000

    def __post_init__(self) -> None:
        if self.draws not in ("uniform", "logit_normal") or self.steps < 1:
            raise UsageError(
                'A flow draws its times "uniform" or "logit_normal", and has steps >= 1. Received '
                f"draws={self.draws!r}, steps={self.steps}."
            )

    def draw_times(self, count: Any, seed: keras.random.SeedGenerator) -> Any:
        """Draw times of training, ``(count,)`` from 0 to 1."""
        if self.draws == "uniform":
            return keras.random.uniform((count,), seed=seed)
        return ops.sigmoid(keras.random.normal((count,), seed=seed))

    def told(self, times: Any) -> Any:
        """Return what the network is told of times, ``(B,)``."""
        return ops.cast(times, "float32") * self.steps

    def add_noise(self, x: Any, noise: Any, times: Any) -> Any:
        """Return ``x_t`` of each example.

        Args:
            x: Clean data, ``(B, ...)``.
            noise: Standard normal, ``(B, ...)``.
            times: Of each, ``(B,)``.
        """
        x, noise = ops.convert_to_tensor(x), ops.convert_to_tensor(noise)
        t = ops.cast(ops.reshape(times, (-1,) + (1,) * (len(x.shape) - 1)), x.dtype)
        return (1 - t) * x + t * noise

    def target(self, x: Any, noise: Any, times: Any, prediction: str = "flow") -> Any:
        """Return the velocity ``noise - x``.

        Raises:
            UsageError: The prediction is not ``"flow"``.
        """
        self.check(prediction)
        return ops.convert_to_tensor(noise) - ops.convert_to_tensor(x)

    def weights(self, times: Any, prediction: str = "flow", *, gamma: float | None = None) -> Any:
        """Return the weight of each example's squared error: 1.

        Raises:
            UsageError: The prediction is not ``"flow"``, or a cap is given, which flows do not have.
        """
        self.check(prediction)
        if gamma is not None:
            raise UsageError(f"A flow weighs all times alike. Received gamma={gamma}.")
        return ops.ones_like(ops.cast(times, "float32"))

    def check(self, prediction: str) -> None:
        """Find out whether a network that predicts this can learn the process and draw by it.

        Args:
            prediction: ``"flow"``.

        Raises:
            UsageError: It is another.
        """
        if prediction != "flow":
            raise UsageError(f'The network of a flow predicts "flow". Received {prediction!r}.')
