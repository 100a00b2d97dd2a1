"""The compiled step does what the plan says, with guidance, masks and pictures to begin from."""

import keras
import numpy as np
import pytest

from kerasarch.errors import ShapeError, UsageError
from kerasarch.generation import NoiseSchedule, ddpm, denoise, dpm_solver, euler
from tests import conformance

pytestmark = conformance.QUIET
SHAPE = (3, 4, 4, 2)
SCHEDULE = NoiseSchedule("cosine", steps=100)


def make(conditions=0):
    """A network whose output can be computed by hand: tanh(x + t / 100 + condition)."""
    x, time = keras.Input(SHAPE[1:]), keras.Input(())
    shifts = [keras.Input((1,)) for _ in range(conditions)]
    y = x + keras.ops.reshape(time / 100, (-1, 1, 1, 1))
    for shift in shifts:
        y = y + keras.ops.reshape(shift, (-1, 1, 1, 1))
    return keras.Model([x, time, *shifts], keras.ops.tanh(y))


def by_hand(plan, seed, predict, begin=None):
    draws = [np.random.default_rng([seed, index]) for index in range(SHAPE[0])]

    def noise():
        return np.stack([rng.standard_normal(SHAPE[1:], dtype="float32") for rng in draws])

    first = noise()
    x = first * plan.start if begin is None else plan.alphas[0] * begin + plan.sigmas[0] * first
    old, seen = 0.0, []
    for time, (p, q, r, s), (a, b, c, d, e) in zip(plan.times, plan.reading, plan.update, strict=True):
        out = predict(x, time)
        clean = np.clip(p * x + q * out, -(plan.limit or np.inf), plan.limit or np.inf)
        x, old = a * x + b * clean + c * (r * x + s * out) + d * old + (e * noise() if e else 0), clean
        seen.append(x)
    return x, first


@pytest.mark.parametrize("maker", [ddpm, dpm_solver])
def test_follows_the_plan(maker):
    plan = maker(SCHEDULE, 6, prediction="v")
    expected, _ = by_hand(plan, 3, lambda x, time: np.tanh(x + time / 100))
    steps = []
    got = denoise(make(), plan, SHAPE, seed=3, watch=lambda index, x, clean: steps.append(index))
    np.testing.assert_allclose(got, expected, atol=1e-4)
    assert steps == list(range(len(plan)))
    fewer = denoise(make(), plan, (2, *SHAPE[1:]), seed=3)
    np.testing.assert_allclose(fewer, got[:2], atol=1e-5)


def test_guidance_and_its_rescaling():
    plan = euler(SCHEDULE, 4, prediction="x0")
    given, free = np.array([[0.5], [-0.5], [0.0]]), np.full((3, 1), 0.1)

    def predict(x, time):
        one, other = (np.tanh(x + time / 100 + part[:, :, None, None]) for part in (given, free))
        out = other + 3.0 * (one - other)
        spread = one.std(axis=(1, 2, 3), keepdims=True) / out.std(axis=(1, 2, 3), keepdims=True)
        return out * (0.7 * spread + 0.3)

    expected, _ = by_hand(plan, 0, predict)
    condition = {"conditions": [given.astype("float32")], "unconditional": [free.astype("float32")]}
    got = denoise(make(1), plan, SHAPE, guidance=3.0, rescale=0.7, **condition)
    np.testing.assert_allclose(got, expected, atol=1e-4)


def test_fills_in_what_a_mask_leaves_open_and_begins_from_a_picture():
    known = np.random.default_rng(5).uniform(-1, 1, SHAPE).astype("float32")
    mask = np.zeros((*SHAPE[:-1], 1), "float32")
    mask[:, :2] = 1
    plan = dpm_solver(SCHEDULE, 6, prediction="v", share=0.5)
    got = denoise(make(), plan, SHAPE, known=known, mask=mask)
    np.testing.assert_allclose(got[:, 2:], known[:, 2:], atol=1e-6)
    assert np.abs(got[:, :2] - known[:, :2]).max() > 0.1
    expected, _ = by_hand(plan, 0, lambda x, time: np.tanh(x + time / 100), begin=known)
    np.testing.assert_allclose(denoise(make(), plan, SHAPE, known=known), expected, atol=1e-4)


def test_the_sample_stays_in_full_precision_around_a_network_in_half():
    """The policy would have the whole step in half precision; its samples are off in the fourth digit."""
    plan = dpm_solver(SCHEDULE, 6, prediction="v")
    x, time = keras.Input(SHAPE[1:]), keras.Input(())
    zero = keras.layers.Lambda(lambda both: 0.0 * both[0], output_shape=SHAPE[1:], dtype="mixed_float16")([x, time])
    keras.config.set_dtype_policy("mixed_float16")
    try:
        got = denoise(keras.Model([x, time], zero), plan, SHAPE, seed=3)
    finally:
        keras.config.set_dtype_policy("float32")
    expected, _ = by_hand(plan, 3, lambda x, time: 0.0 * x)
    assert got.dtype == np.float32
    np.testing.assert_allclose(got, expected, atol=1e-5)


def test_wrong_arguments():
    plan = euler(SCHEDULE, 4)
    with pytest.raises(UsageError, match="unconditional"):
        denoise(make(), plan, SHAPE, guidance=2.0)
    with pytest.raises(UsageError, match="known"):
        denoise(make(), plan, SHAPE, mask=np.ones(SHAPE))
    with pytest.raises(UsageError, match="known"):
        denoise(make(), euler(SCHEDULE, 4, share=0.5), SHAPE)
    with pytest.raises(ShapeError, match="shape"):
        denoise(make(), plan, SHAPE, known=np.ones((1, 2)))


@pytest.mark.parametrize("prediction", ["epsilon", "v", "x0"])
def test_targets_are_what_the_reading_reads(prediction):
    """Noisy data and the target, read as a plan reads them, give x0 and the noise back."""
    schedule = NoiseSchedule("scaled_linear", steps=50)
    rng = np.random.default_rng(0)
    x, noise = (rng.normal(size=(5, 2, 3)).astype("float32") for _ in range(2))
    times = np.array([49, 30, 12, 3, 0])
    noisy = keras.ops.convert_to_numpy(schedule.add_noise(x, noise, times))
    target = keras.ops.convert_to_numpy(schedule.target(keras.ops.convert_to_tensor(x), noise, times, prediction))
    plan = ddpm(schedule, 50, prediction=prediction)
    for row, time in enumerate(times):
        p, q, r, s = plan.reading[49 - time]
        np.testing.assert_allclose(p * noisy[row] + q * target[row], x[row], atol=1e-4)
        np.testing.assert_allclose(r * noisy[row] + s * target[row], noise[row], atol=2e-3)


def test_weights_of_the_loss():
    schedule = NoiseSchedule("linear", steps=100)
    times = np.arange(100)
    snr = schedule.signal / (1 - schedule.signal)
    for prediction, over in (("epsilon", snr), ("v", snr + 1), ("x0", 1)):
        got = keras.ops.convert_to_numpy(schedule.weights(times, prediction))
        np.testing.assert_allclose(got, np.minimum(snr, 5) / over, rtol=1e-5)
    assert (keras.ops.convert_to_numpy(schedule.weights(times, "v", gamma=None)) == 1).all()


def test_a_network_is_traced_once_and_never_run_by_itself(backend):
    calls = []

    class Counting(keras.Model):
        def call(self, inputs):
            calls.append(type(inputs[0]).__name__)
            return inputs[0] * 0.5

    network = Counting()
    network([keras.Input((3,)), keras.Input(())])
    calls.clear()
    plan = dpm_solver(SCHEDULE, 6, prediction="x0")
    denoise(network, plan, (2, 3))
    # On PyTorch three as they are, one to record and one to hold the record against; what follows repeats it.
    assert len(calls) == (5 if backend == "torch" else 1)
