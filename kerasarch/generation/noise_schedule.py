"""How much noise a diffusion process has at each of its training steps."""

import dataclasses
from typing import Any, Literal

import keras
import numpy as np
from keras import ops

from kerasarch.errors import UsageError
from kerasarch.generation.process import Process

# What stands for a last step without any signal where a solver divides by the signal: the least half-precision number.
LEAST_SIGNAL = 2.0**-24


@keras.saving.register_keras_serializable(package="kerasarch")
@dataclasses.dataclass(frozen=True)
class NoiseSchedule(Process):
    """Variances of a diffusion process: ``x_t = sqrt(abar_t) x_0 + sqrt(1 - abar_t) noise``.

    Ho et al., 2020, eq. 4 (https://arxiv.org/abs/2006.11239). ``abar_t`` is the product of ``1 - beta`` up to t.

    Args:
        kind: How beta grows: ``"linear"`` (Ho et al., section 4), ``"scaled_linear"``, linear in its root (Rombach et
            al., 2021), ``"cosine"`` (Nichol and Dhariwal, 2021, eq. 17, https://arxiv.org/abs/2102.09672).
        steps: Training steps.
        first: beta of the first step; the cosine has none.
        last: beta of the last step; the cosine has none.
        zero_terminal_snr: Shift and scale so that the last step is noise alone: Lin et al., 2023, algorithm 1
            (https://arxiv.org/abs/2305.08891). The network must then predict v or x0; see `check`.

    Raises:
        UsageError: The kind is unknown, or a number out of range.
    """

    kind: Literal["linear", "scaled_linear", "cosine"] = "linear"
    steps: int = 1000
    first: float = 1e-4
    last: float = 0.02
    zero_terminal_snr: bool = False

    def __post_init__(self) -> None:
        if self.kind not in ("linear", "scaled_linear", "cosine"):
            raise UsageError(f"A noise schedule is linear, scaled_linear or cosine. Received {self.kind!r}.")
        if self.steps < 1 or not 0 < self.first <= self.last < 1:
            raise UsageError(
                "A noise schedule needs steps >= 1 and 0 < first <= last < 1. "
                f"Received steps={self.steps}, first={self.first}, last={self.last}."
            )

    @property
    def betas(self) -> np.ndarray:
        """Variance added by each step, ``(steps,)`` float64, before any shift to zero terminal SNR."""
        if self.kind == "linear":
            return np.linspace(self.first, self.last, self.steps)
        if self.kind == "scaled_linear":
            return np.linspace(self.first**0.5, self.last**0.5, self.steps) ** 2
        signal = np.cos((np.arange(self.steps + 1) / self.steps + 0.008) / 1.008 * np.pi / 2) ** 2
        return np.minimum(1 - signal[1:] / signal[:-1], 0.999)

    @property
    def signal(self) -> np.ndarray:
        """Products abar of each step, ``(steps,)`` float64, falling."""
        product = np.cumprod(1 - self.betas)
        if not self.zero_terminal_snr:
            return product
        root = np.sqrt(product)
        return ((root - root[-1]) * root[0] / (root[0] - root[-1])) ** 2

    @property
    def snr(self) -> np.ndarray:
        """Signal-to-noise ratio of each step, ``(steps,)``: ``abar / (1 - abar)``."""
        return self.signal / (1 - self.signal)

    def check(self, prediction: str) -> None:
        """Find out whether a network that predicts this can learn the process and draw by it.

        Args:
            prediction: ``"epsilon"``, ``"v"`` or ``"x0"``.

        Raises:
            UsageError: The prediction is unknown; or it is the noise, which says nothing of x0 where a sample is noise
                alone: Lin et al., 2023, section 3.2 (https://arxiv.org/abs/2305.08891).
        """
        _check_known(prediction)
        if prediction == "epsilon" and self.zero_terminal_snr:
            raise UsageError(
                'zero_terminal_snr needs a network that predicts "v" or "x0": where a sample is noise alone, "epsilon" '
                'says nothing of the picture. Received prediction="epsilon". Choose another, or no zero_terminal_snr.'
            )

    def draw_times(self, count: Any, seed: keras.random.SeedGenerator) -> Any:
        """Draw steps of training, ``(count,)`` whole numbers."""
        return keras.random.randint((count,), 0, self.steps, seed=seed)

    def told(self, times: Any) -> Any:
        """Return what the network is told of times, ``(B,)``."""
        return ops.cast(times, "float32")

    def add_noise(self, x: Any, noise: Any, times: Any) -> Any:
        """Return ``x_t`` of each example.

        Args:
            x: Clean data, ``(B, ...)``.
            noise: Standard normal, ``(B, ...)``.
            times: Training step of each, ``(B,)`` whole numbers from 0.
        """
        x, noise = ops.convert_to_tensor(x), ops.convert_to_tensor(noise)
        alpha, sigma = self._at(times, x)
        return alpha * x + sigma * noise

    def target(self, x: Any, noise: Any, times: Any, prediction: str) -> Any:
        """Return what the network has to predict: ``"epsilon"``, ``"v"`` or ``"x0"``.

        v is ``sqrt(abar) noise - sqrt(1 - abar) x``: Salimans and Ho, 2022, appendix D
        (https://arxiv.org/abs/2202.00512).
        """
        _check_known(prediction)
        x, noise = ops.convert_to_tensor(x), ops.convert_to_tensor(noise)
        if prediction == "epsilon":
            return noise
        if prediction == "x0":
            return x
        alpha, sigma = self._at(times, x)
        return alpha * noise - sigma * x

    def weights(self, times: Any, prediction: str, *, gamma: float | None = 5.0) -> Any:
        """Return the weight of each example's squared error, ``(B,)``.

        ``min(SNR, gamma)`` over what the prediction weighs by itself: Hang et al., 2023, eq. 10 and section 3.4
        (https://arxiv.org/abs/2303.09556).

        Args:
            times: Training step of each example.
            prediction: ``"epsilon"``, ``"v"`` or ``"x0"``.
            gamma: The cap; None weighs all alike.

        Raises:
            UsageError: The prediction is unknown.
        """
        _check_known(prediction)
        snr = np.maximum(self.snr, LEAST_SIGNAL)
        if gamma is None:
            table = np.ones_like(snr)
        else:
            capped = np.minimum(snr, gamma)
            table = {"epsilon": capped / snr, "v": capped / (snr + 1), "x0": capped}[prediction]
        return ops.take(ops.convert_to_tensor(table.astype("float32")), times)

    def _at(self, times: Any, x: Any) -> tuple[Any, Any]:
        signal = self.signal
        shape = (-1,) + (1,) * (len(x.shape) - 1)
        alpha, sigma = (
            ops.reshape(ops.take(ops.convert_to_tensor(np.sqrt(table).astype("float32")), times), shape)
            for table in (signal, 1 - signal)
        )
        return ops.cast(alpha, x.dtype), ops.cast(sigma, x.dtype)


def _check_known(prediction: str) -> None:
    if prediction not in ("epsilon", "v", "x0"):
        raise UsageError(f"A network predicts epsilon, v or x0. Received {prediction!r}.")
