"""The times at which a sampler asks the network."""

from typing import Literal

import numpy as np

from kerasarch.errors import UsageError
from kerasarch.generation.noise_schedule import LEAST_SIGNAL, NoiseSchedule

Spacing = Literal["linspace", "leading", "trailing"]


def spaced_times(total: int, steps: int, spacing: Spacing, *, offset: int = 0) -> np.ndarray:
    """Return falling training times, ``(steps,)`` float64: Lin et al., 2023, table 2 (https://arxiv.org/abs/2305.08891).

    Args:
        total: Training steps of the process.
        steps: Steps of the sampler.
        spacing: ``"linspace"`` has both ends, not always whole; ``"leading"`` ends at ``offset``; ``"trailing"`` begins
            at the last training step.
        offset: Added to leading times.

    Raises:
        UsageError: There are more steps than training steps, or the spacing is unknown.
    """
    if not 1 <= steps <= total:
        raise UsageError(f"A sampler takes 1 to {total} steps, as many as the process has. Received {steps}.")
    if spacing == "linspace":
        return np.linspace(0, total - 1, steps)[::-1]
    if spacing == "leading":
        return (np.arange(steps) * (total // steps))[::-1].astype("float64") + offset
    if spacing == "trailing":
        return np.round(total - np.arange(steps) * (total / steps)) - 1
    raise UsageError(f'Times are spaced "linspace", "leading" or "trailing". Received {spacing!r}.')


def noise_levels(schedule: NoiseSchedule) -> np.ndarray:
    """Return noise over signal at each training step, ``(steps,)``: ``sqrt((1 - abar) / abar)``."""
    signal = np.maximum(schedule.signal, LEAST_SIGNAL)
    return np.sqrt((1 - signal) / signal)


def karras_levels(levels: np.ndarray, steps: int, rho: float = 7.0) -> np.ndarray:
    """Return noise levels spaced evenly in their rho-th root: Karras et al., 2022, eq. 5 (https://arxiv.org/abs/2206.00364).

    Args:
        levels: Levels whose first and last are kept.
        steps: How many.
        rho: The root.
    """
    ends = levels[[0, -1]] ** (1 / rho)
    return (ends[0] + np.linspace(0, 1, steps) * (ends[1] - ends[0])) ** rho


def times_of(levels: np.ndarray, table: np.ndarray) -> np.ndarray:
    """Return the training times of noise levels, between the whole ones by the logarithm.

    Args:
        levels: Noise over signal.
        table: That of each training step, rising.
    """
    return np.interp(np.log(np.maximum(levels, 1e-10)), np.log(table), np.arange(len(table)))


def remaining(count: int, share: float) -> int:
    """Return the index of the first of so many steps that is taken when only the last share of them is.

    Args:
        count: Steps in all.
        share: Which part is taken, from the end.

    Raises:
        UsageError: It is not above 0 and at most 1.
    """
    if not 0 < share <= 1:
        raise UsageError(f"The share of the steps must be above 0 and at most 1. Received {share}.")
    return count - max(int(count * share), 1)
