"""The only code that knows a backend: one module each for JAX, TensorFlow and PyTorch, with the same functions.

The names below are those of the backend that Keras runs on. Importing this package imports Keras.
"""

import keras

_NAME = keras.backend.backend()

if _NAME == "jax":
    from kerasarch.backends.branches_jax import when
    from kerasarch.backends.compiled_jax import compiled
    from kerasarch.backends.draws_jax import drawn_on_host
    from kerasarch.backends.gradients_jax import differentiate
    from kerasarch.backends.jax import (
        device_names,
        generator_states,
        jit_long_training,
        lay_out_kernel,
        memory_peak,
        name,
        prepare,
        set_generator_states,
        synchronize,
        version,
    )
    from kerasarch.backends.optimizers_as_usual import quicken
    from kerasarch.backends.quick_steps_as_usual import with_records
    from kerasarch.backends.recorded_as_usual import predictor
    from kerasarch.backends.repeated_jax import repeated
    from kerasarch.backends.steps_jax import apply_gradients, evaluation_step, training_step
    from kerasarch.backends.training_call_as_usual import training_call
elif _NAME == "tensorflow":
    from kerasarch.backends.branches_tensorflow import when
    from kerasarch.backends.compiled_tensorflow import compiled
    from kerasarch.backends.draws_as_usual import drawn_on_host
    from kerasarch.backends.gradients_tensorflow import differentiate
    from kerasarch.backends.optimizers_as_usual import quicken
    from kerasarch.backends.quick_steps_as_usual import with_records
    from kerasarch.backends.recorded_as_usual import predictor
    from kerasarch.backends.repeated_tensorflow import repeated
    from kerasarch.backends.steps_tensorflow import apply_gradients, evaluation_step, training_step
    from kerasarch.backends.tensorflow import (
        device_names,
        generator_states,
        jit_long_training,
        lay_out_kernel,
        memory_peak,
        name,
        prepare,
        set_generator_states,
        synchronize,
        version,
    )
    from kerasarch.backends.training_call_as_usual import training_call
elif _NAME == "torch":
    from kerasarch.backends.branches_torch import when
    from kerasarch.backends.compiled_torch import compiled
    from kerasarch.backends.draws_as_usual import drawn_on_host
    from kerasarch.backends.gradients_torch import differentiate
    from kerasarch.backends.optimizers_torch import quicken
    from kerasarch.backends.quick_steps_torch import with_records
    from kerasarch.backends.recorded_torch import predictor
    from kerasarch.backends.repeated_torch import repeated
    from kerasarch.backends.steps_torch import apply_gradients, evaluation_step, training_step
    from kerasarch.backends.torch import (
        device_names,
        generator_states,
        jit_long_training,
        lay_out_kernel,
        memory_peak,
        name,
        prepare,
        set_generator_states,
        synchronize,
        version,
    )
    from kerasarch.backends.training_call_torch import training_call
else:
    from kerasarch.errors import BackendError

    raise BackendError(
        f"Received Keras backend {_NAME!r}. Expected jax, tensorflow or torch; set KERAS_BACKEND to one."
    )

__all__ = [
    "apply_gradients",
    "compiled",
    "device_names",
    "differentiate",
    "drawn_on_host",
    "evaluation_step",
    "generator_states",
    "jit_long_training",
    "lay_out_kernel",
    "memory_peak",
    "name",
    "predictor",
    "prepare",
    "quicken",
    "repeated",
    "set_generator_states",
    "synchronize",
    "training_call",
    "training_step",
    "version",
    "when",
    "with_records",
]
