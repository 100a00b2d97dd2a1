"""How well a diffusion model explains data: bits per dimension."""

from collections.abc import Sequence

import keras
import numpy as np
from scipy.special import log_ndtr, ndtr

from kerasarch.errors import UsageError
from kerasarch.generation.denoise import DenoisingStep
from kerasarch.generation.noise_schedule import LEAST_SIGNAL, NoiseSchedule
from kerasarch.generation.plan import read

BATCH = 32  # that of DiffusionSampler: nothing is compiled anew for it


def bits_per_dimension(
    network: keras.Model | DenoisingStep,
    schedule: NoiseSchedule,
    x: np.ndarray,
    *,
    prediction: str = "epsilon",
    condition: np.ndarray | None = None,
    times: int = 20,
    limit: float | None = 1.0,
    step: float = 2 / 255,
    seed: int = 0,
) -> float:
    """Estimate the variational bound on the negative log-likelihood, in bits per dimension.

    ``L_T + sum_t KL_t + L_0``: Ho et al., 2020, eq. 5 (https://arxiv.org/abs/2006.11239), with the variances of the
    posterior. Each KL is ``(SNR(t - 1) - SNR(t)) |x - x0(x_t)|^2 / 2`` (Kingma et al., 2021, eq. 13,
    https://arxiv.org/abs/2107.00630), the last term that of a Gaussian in bins (Ho et al., eq. 13). The sum is
    estimated at some times of each example.

    Args:
        network: As `kerasarch.generation.denoise` takes it, unguided.
        schedule: The process.
        x: Data in bins of width ``step``, between -1 and 1, ``(B, ...)``.
        prediction: What the network predicts.
        condition: Of each example, where the network takes one.
        times: Times of each example.
        limit: x0 is clipped to plus and minus this; None for never.
        step: Width of a bin.
        seed: Of times and noise.

    Raises:
        UsageError: The process ends without signal and the network predicts the noise, or a guided step is given.
    """
    stepper = network if isinstance(network, DenoisingStep) else DenoisingStep(network)
    if stepper.guided:
        raise UsageError("A likelihood is that of a network without guidance. Give the network, or an unguided step.")
    x = np.asarray(x, "float32")
    rng = np.random.default_rng(seed)
    signal = schedule.signal
    snr = signal / np.maximum(1 - signal, LEAST_SIGNAL)
    size = int(np.prod(x.shape[1:]))
    # The divergences of steps 1 to T - 1. Where data are Gaussian each is in proportion to this: to draw steps by it
    # rather than evenly takes most of the chance out of the sum, of which the first few steps are a large part.
    drop = (snr[:-1] - snr[1:]) / (snr[1:] + 1 / max(float(x.var()), 1e-6))
    chances = 0.9 * drop / drop.sum() + 0.1 / len(drop)
    total = np.zeros(len(x))
    for number in range(times):
        where = (number + rng.uniform(size=len(x))) / times  # one in each of as many equal stretches
        when = 1 + np.minimum(np.searchsorted(np.cumsum(chances), where), len(drop) - 1)
        clean = _clean(stepper, schedule, x, when, prediction, condition, limit, rng)
        error = np.square(x - clean, dtype="float64").reshape(len(x), -1).sum(axis=1)
        total += 0.5 * (snr[when - 1] - snr[when]) * error / chances[when - 1] / times
    first = np.zeros(len(x), int)
    clean = _clean(stepper, schedule, x, first, prediction, condition, limit, rng)
    total -= _log_bins(x, clean, np.sqrt(schedule.betas[0]), step).reshape(len(x), -1).sum(axis=1)
    last = signal[-1]
    prior = 0.5 * (last * np.square(x, dtype="float64") - last - np.log1p(-last))
    total += prior.reshape(len(x), -1).sum(axis=1)
    return float(total.mean() / size / np.log(2))


def _clean(
    stepper: DenoisingStep,
    schedule: NoiseSchedule,
    x: np.ndarray,
    when: np.ndarray,
    prediction: str,
    condition: np.ndarray | None,
    limit: float | None,
    rng: np.random.Generator,
) -> np.ndarray:
    """Return what the network takes for the clean data of examples with the noise of given times."""
    alphas, sigmas = np.sqrt(schedule.signal[when]), np.sqrt(1 - schedule.signal[when])
    shape: Sequence[int] = (-1,) + (1,) * (x.ndim - 1)
    noisy = alphas.reshape(shape) * x + sigmas.reshape(shape) * rng.standard_normal(x.shape)
    numbers = np.zeros((len(x), 12), "float32")
    numbers[:, :4] = read(prediction, alphas, sigmas)
    numbers[:, 9:] = [np.inf if limit is None else limit, 1.0, 0.0]
    found = []
    for start in range(0, len(x), BATCH):
        take = np.arange(start, start + BATCH) % len(x)  # a last batch is filled up
        given = noisy[take].astype("float32")
        batch = {
            "x": given,
            "old": np.zeros_like(given),
            "noise": np.zeros_like(given),
            "time": when[take].astype("float32"),
            "numbers": numbers[take],
            "conditions": [] if condition is None else [np.asarray(condition)[take]],
        }
        found.append(np.asarray(stepper.ask(batch)[1])[: len(x) - start])
    return np.concatenate(found)


def _log_bins(x: np.ndarray, mean: np.ndarray, deviation: float, step: float) -> np.ndarray:
    """Log-probability that a Gaussian gives to the bin around each number; the outer bins reach to infinity."""
    above = np.where(x > 1 - step / 2, np.inf, (x + step / 2 - mean) / deviation)
    below = np.where(x < -1 + step / 2, -np.inf, (x - step / 2 - mean) / deviation)
    # In the upper tail both distribution functions round to 1: mirrored they do not.
    mirrored = below > 0
    high, low = np.where(mirrored, -below, above), np.where(mirrored, -above, below)
    inside = ndtr(high) - ndtr(low)
    # Bins far out, whose probability rounds to 0: that of everything beyond their nearer edge
    return np.where(inside > 1e-300, np.log(np.maximum(inside, 1e-300)), log_ndtr(high))
