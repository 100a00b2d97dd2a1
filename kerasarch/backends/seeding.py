"""Seeds and states of everything random that a Keras program draws from."""

import random
import sys
from collections.abc import Mapping
from typing import Any

import keras
import numpy as np
from keras.src.backend.common import global_state  # Keras 3.15 has no public way to its global generator

from kerasarch.backends import generator_states, set_generator_states

_GLOBAL = "global_seed_generator"


def set_random_seed(seed: int, *, kernels: bool = True) -> None:
    """Seed Python, NumPy, Keras' global generator, and TensorFlow and PyTorch where somebody has imported them.

    As ``keras.utils.set_random_seed``, which imports TensorFlow for it, whatever the backend: seconds for nothing.
    Seeds that Keras draws for layers and initializers come from Python's generator.

    Args:
        seed: A number from 0 to 2**32 - 1.
        kernels: Whether TensorFlow's own seed is set as well. That throws away its kernels, which costs seconds: too
            much for every epoch. It matters to raw ``tf.random`` operations alone; Keras' are seeded by variables.
    """
    random.seed(seed)
    np.random.seed(seed)
    global_state.set_global_attribute("global_random_seed", seed)
    global_state.set_global_attribute(_GLOBAL, None)  # made anew when it is asked for
    tensorflow: Any = sys.modules.get("tensorflow")
    if kernels and hasattr(tensorflow, "random"):
        tensorflow.random.set_seed(seed)
    torch: Any = sys.modules.get("torch")
    if hasattr(torch, "manual_seed"):
        torch.manual_seed(seed)


def random_arrays() -> dict[str, np.ndarray]:
    """Return the states of Keras' global generator and of the backend's own, by name."""
    generator = global_state.get_global_attribute(_GLOBAL)
    found = {} if generator is None else {"keras": keras.ops.convert_to_numpy(generator.state)}
    return found | generator_states()


def set_random_arrays(states: Mapping[str, np.ndarray]) -> None:
    """Put back what `random_arrays` returned; states of devices that are not here are left out."""
    generator = None
    if "keras" in states:
        generator = keras.random.SeedGenerator(0)
        generator.state.assign(states["keras"])
    global_state.set_global_attribute(_GLOBAL, generator)
    set_generator_states({name: state for name, state in states.items() if name != "keras"})
