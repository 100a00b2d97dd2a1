"""Random numbers for JAX that no program is compiled for.

JAX compiles a program for every shape that random numbers are drawn in, which takes XLA half a second on a CPU, with
JAX's own settings up to nine: minutes for the initial weights of a large network. NumPy draws them at once.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from keras.src.backend.jax import random as keras_draws  # Keras 3.15 has no public way to say how it draws
from scipy.special import ndtri

_OWN = {name: getattr(keras_draws, name) for name in ("uniform", "normal", "truncated_normal")}
_TAIL = 0.022750131948179195  # of the normal distribution below -2 deviations, where Keras cuts it off


def _uniform(generator: np.random.Generator, shape: Any, low: float = 0.0, high: float = 1.0) -> np.ndarray:
    return generator.random(shape, "float32") * np.float32(high - low) + np.float32(low)


def _normal(generator: np.random.Generator, shape: Any, mean: float = 0.0, deviation: float = 1.0) -> np.ndarray:
    return generator.standard_normal(shape, "float32") * np.float32(deviation) + np.float32(mean)


def _truncated_normal(
    generator: np.random.Generator, shape: Any, mean: float = 0.0, deviation: float = 1.0
) -> np.ndarray:
    standard = ndtri(_uniform(generator, shape, _TAIL, 1 - _TAIL))
    return np.clip(standard, -2, 2) * np.float32(deviation) + np.float32(mean)


_DRAWS = {"uniform": _uniform, "normal": _normal, "truncated_normal": _truncated_normal}


def _on_host(name: str) -> Callable[..., Any]:
    own, draw = _OWN[name], _DRAWS[name]

    def drawn(
        shape: Any, first: float = 0.0, second: float = 1.0, dtype: Any = None, seed: Any = None, **named: float
    ) -> Any:
        # Keras calls the first two minval and maxval, or mean and stddev.
        first, second = named.pop("minval", first), named.pop("maxval", second)
        first, second = named.pop("mean", first), named.pop("stddev", second)
        key = keras_draws.jax_draw_seed(seed)
        if named or any(isinstance(value, jax.core.Tracer) for value in (key, first, second)):
            return own(shape, first, second, dtype=dtype, seed=jnp.asarray(key), **named)
        numbers = draw(np.random.default_rng(np.asarray(key)), tuple(shape), float(first), float(second))
        return jnp.asarray(numbers, dtype or keras_draws.floatx())

    return drawn


_ON_HOST = {name: _on_host(name) for name in _OWN}


def draw_on_host(host: bool) -> None:
    """Draw from now on with NumPy, or with JAX again."""
    for name, function in (_ON_HOST if host else _OWN).items():
        setattr(keras_draws, name, function)


@contextmanager
def drawn_on_host() -> Iterator[None]:
    """Random numbers that are drawn in here outside of compiled programs come from NumPy.

    Same distributions, other numbers; they depend on Keras' seeds as ever. For weights that are overwritten, or of
    which only the distribution matters.
    """
    before = {name: getattr(keras_draws, name) for name in _OWN}
    draw_on_host(True)
    try:
        yield
    finally:
        for name, function in before.items():
            setattr(keras_draws, name, function)
