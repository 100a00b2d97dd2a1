"""Bits per dimension beside what is known in closed form."""

import keras
import numpy as np
import pytest
from keras import ops

from kerasarch.errors import UsageError
from kerasarch.generation import DenoisingStep, NoiseSchedule, bits_per_dimension

SPREAD, STEP = 0.25, 2 / 255


class BestGuess(keras.Model):
    """The mean of x0 given the noisy sample where data are Gaussian: no network can do better."""

    def __init__(self, schedule):
        super().__init__()
        signal = schedule.signal
        self.factors = (np.sqrt(signal) * SPREAD**2 / (signal * SPREAD**2 + 1 - signal)).astype("float32")

    def call(self, inputs):
        x, times = inputs
        return x * ops.reshape(ops.take(ops.convert_to_tensor(self.factors), ops.cast(times, "int32")), (-1, 1))


def test_equals_the_bound_of_gaussian_data():
    schedule = NoiseSchedule("cosine")
    rng = np.random.default_rng(0)
    x = np.rint(rng.normal(0, SPREAD, (400, 64)).clip(-1, 1) / STEP).astype("float32") * np.float32(STEP)
    found = bits_per_dimension(BestGuess(schedule), schedule, x, prediction="x0", times=20)
    # In closed form: the error of the best guess at each time, and a last Gaussian that is wider than a bin
    signal = schedule.signal
    snr, error = signal / (1 - signal), SPREAD**2 * (1 - signal) / (signal * SPREAD**2 + 1 - signal)
    steps = 0.5 * ((snr[:-1] - snr[1:]) * error[1:]).sum()
    beta = schedule.betas[0]
    last = 0.5 * np.log(2 * np.pi * beta) + error[0] / (2 * beta) - np.log(STEP)
    prior = 0.5 * (signal[-1] * SPREAD**2 - signal[-1] - np.log1p(-signal[-1]))
    assert abs(found - (steps + last + prior) / np.log(2)) < 0.05
    entropy = 0.5 * np.log2(2 * np.pi * np.e * SPREAD**2) - np.log2(STEP)
    assert entropy - 0.02 < found < entropy + 0.6  # the first of a thousand steps are large: the bound is not tight


def test_a_worse_network_explains_less():
    class Zero(keras.Model):
        def call(self, inputs):
            return inputs[0] * 0

    schedule = NoiseSchedule("cosine", steps=100)
    x = np.rint(np.random.default_rng(0).normal(0, SPREAD, (64, 16)).clip(-1, 1) / STEP).astype("float32") * STEP
    best = bits_per_dimension(BestGuess(schedule), schedule, x, prediction="x0", times=5)
    worse = bits_per_dimension(Zero(), schedule, x, prediction="x0", times=5)
    assert worse > 2 * best


def test_refuses_guidance():
    with pytest.raises(UsageError, match="guidance"):
        bits_per_dimension(
            DenoisingStep(BestGuess(NoiseSchedule()), guided=True), NoiseSchedule(), np.zeros((1, 2), "float32")
        )
