"""A sampler as a table: one row for each time that the network is asked."""

import dataclasses

import numpy as np

from kerasarch.errors import UsageError


@dataclasses.dataclass(frozen=True)
class Plan:
    """What each step of a sampler does.

    Every sampler here is linear: with the network's output o at the sample x, ``x0 = p x + q o`` and
    ``eps = r x + s o``, and the next sample is ``a x + b x0 + c eps + d x0_before + e noise``. The tables hold these
    numbers, so that one compiled step serves all samplers. Where there is a history, the outputs of the questions
    before are added too, each with its weight. Samples keep the scale of ``alpha x0 + sigma noise``.

    Attributes:
        times: What the network is told, ``(K,)``.
        reading: ``p q r s``, ``(K, 4)``.
        update: ``a b c d e``, ``(K, 5)``.
        alphas: Signal of the sample before each step, and after the last, ``(K + 1,)``.
        sigmas: Noise of the same, ``(K + 1,)``.
        start: Standard deviation of the first sample.
        limit: x0 is clipped to plus and minus this; None for never.
        history: Weights of the network's last outputs, the latest first, ``(K, H)``; None for none.
        partial: Whether the first steps are left out, so that it has to begin from a picture with noise added.
    """

    times: np.ndarray
    reading: np.ndarray
    update: np.ndarray
    alphas: np.ndarray
    sigmas: np.ndarray
    start: float = 1.0
    limit: float | None = None
    partial: bool = False
    history: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.times)


def read(prediction: str, alphas: np.ndarray, sigmas: np.ndarray) -> np.ndarray:
    """Return how x0 and epsilon follow from the sample and the network's output, ``(K, 4)``.

    Args:
        prediction: ``"epsilon"``, ``"v"``, ``"x0"``, or ``"flow"``: noise minus x0 (Lipman et al., 2022; Liu et al.,
            2022, eq. 1, https://arxiv.org/abs/2209.03003).
        alphas: Signal of each sample, ``(K,)``.
        sigmas: Noise of each sample, ``(K,)``.

    Raises:
        UsageError: The prediction is unknown, or epsilon says nothing of x0 because there is no signal.
    """
    one, zero = np.ones_like(alphas), np.zeros_like(alphas)
    if prediction == "epsilon":
        if (alphas == 0).any():
            raise UsageError('A step without signal needs a network that predicts "v" or "x0", not "epsilon".')
        columns = (1 / alphas, -sigmas / alphas, zero, one)
    elif prediction == "x0":
        columns = (zero, one, 1 / sigmas, -alphas / sigmas)
    elif prediction == "v":
        columns = (alphas, -sigmas, sigmas, alphas)
    elif prediction == "flow":
        columns = (one, -sigmas, one, alphas)
    else:
        raise UsageError(f'A network predicts "epsilon", "v", "x0" or "flow". Received {prediction!r}.')
    return np.stack(columns, axis=1)
