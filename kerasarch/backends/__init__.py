"""The only code that knows a backend: one module each for JAX, TensorFlow and PyTorch, with the same functions.

The names below are those of the backend that Keras runs on. Importing this package imports Keras.
"""

import keras

_NAME = keras.backend.backend()

if _NAME == "jax":
    from kerasarch.backends.jax import (
        device_names,
        generator_states,
        lay_out_kernel,
        memory_peak,
        name,
        set_generator_states,
        synchronize,
        version,
    )
elif _NAME == "tensorflow":
    from kerasarch.backends.tensorflow import (
        device_names,
        generator_states,
        lay_out_kernel,
        memory_peak,
        name,
        set_generator_states,
        synchronize,
        version,
    )
elif _NAME == "torch":
    from kerasarch.backends.torch import (
        device_names,
        generator_states,
        lay_out_kernel,
        memory_peak,
        name,
        set_generator_states,
        synchronize,
        version,
    )
else:
    from kerasarch.errors import BackendError

    raise BackendError(
        f"Received Keras backend {_NAME!r}. Expected jax, tensorflow or torch; set KERAS_BACKEND to one."
    )

__all__ = [
    "device_names",
    "generator_states",
    "lay_out_kernel",
    "memory_peak",
    "name",
    "set_generator_states",
    "synchronize",
    "version",
]
