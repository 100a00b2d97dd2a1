"""Seeding: the numbers of ``keras.utils.set_random_seed``, and states that are put back."""

import random

import keras
import numpy as np

from kerasarch.backends.seeding import random_arrays, set_random_arrays, set_random_seed


def _draw():
    """Numbers from Python, NumPy, and, unseeded, from Keras and its layers."""
    weights = keras.initializers.GlorotUniform()((2, 2))
    return [random.random(), np.random.rand(), *keras.ops.convert_to_numpy(weights).ravel(), *_draw_keras()]


def _draw_keras():
    noise = keras.random.normal((3,))
    return keras.ops.convert_to_numpy(noise).tolist()


def test_the_same_numbers_as_keras_own_function():
    keras.utils.set_random_seed(7)
    expected = _draw()
    set_random_seed(7)
    assert _draw() == expected


def test_the_generators_of_keras_and_the_backend_go_on_where_they_were():
    set_random_seed(3)
    _draw_keras()
    state = random_arrays()
    expected = _draw_keras()
    _draw_keras()
    set_random_arrays(state)
    assert _draw_keras() == expected
