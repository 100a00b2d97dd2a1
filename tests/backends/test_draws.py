"""Random numbers that no program is compiled for: their distributions, their seeds, and where they end."""

import keras
import numpy as np
import pytest

from kerasarch import backends

SHAPE = (20, 30, 50)


def drawn(name, *arguments, seed=3, **named):
    with backends.drawn_on_host():
        numbers = getattr(keras.random, name)(SHAPE, *arguments, seed=seed, **named)
    return keras.ops.convert_to_numpy(numbers)


@pytest.mark.parametrize(
    ("name", "arguments", "mean", "deviation", "least", "most"),
    [
        ("uniform", (-1.0, 3.0), 1.0, 4 / 12**0.5, -1.0, 3.0),
        ("normal", (0.5, 2.0), 0.5, 2.0, -np.inf, np.inf),
        # Johnson, Kotz & Balakrishnan, 1994, 10.1: the variance of the part within two deviations is 0.77374
        ("truncated_normal", (0.5, 2.0), 0.5, 2 * 0.77374**0.5, -3.5, 4.5),
    ],
)
def test_distributions(name, arguments, mean, deviation, least, most):
    numbers = drawn(name, *arguments)
    assert (numbers.shape, numbers.dtype) == (SHAPE, np.dtype("float32"))
    assert (numbers.min() >= least, numbers.max() <= most) == (True, True)
    # Five standard errors of 30,000 numbers
    assert abs(numbers.mean() - mean) < 5 * deviation / numbers.size**0.5
    assert abs(numbers.std() / deviation - 1) < 0.03
    by_name = dict(zip(("minval", "maxval") if name == "uniform" else ("mean", "stddev"), arguments, strict=True))
    np.testing.assert_array_equal(drawn(name, **by_name), numbers)


def test_seeds_decide():
    def weights(seed):
        keras.utils.set_random_seed(seed)
        with backends.drawn_on_host():
            layers = [keras.layers.Dense(3), keras.layers.Dense(3)]
            for layer in layers:
                layer.build((None, 4))
        return [keras.ops.convert_to_numpy(layer.kernel) for layer in layers]

    first, second = weights(1)
    assert not np.array_equal(first, second)
    for again, before in zip(weights(1), (first, second), strict=True):
        np.testing.assert_array_equal(again, before)
    assert not np.array_equal(weights(2)[0], first)


def test_half_precision():
    assert drawn("normal", seed=3, dtype="float16").dtype == np.float16


def test_it_ends():
    keras.utils.set_random_seed(5)
    before = keras.ops.convert_to_numpy(keras.random.normal((4,)))
    drawn("normal")
    keras.utils.set_random_seed(5)
    np.testing.assert_array_equal(keras.ops.convert_to_numpy(keras.random.normal((4,))), before)


def test_compiled_programs_draw_anew_at_every_step():
    model = keras.Sequential([keras.Input((6,)), keras.layers.GaussianNoise(1.0), keras.layers.Dense(6)])
    model.compile(keras.optimizers.SGD(0.0), "mse")
    x = np.zeros((2, 6), "float32")
    with backends.drawn_on_host():
        losses = [float(model.train_on_batch(x, x, return_dict=True)["loss"]) for _ in range(3)]
    assert len(set(losses)) == 3
