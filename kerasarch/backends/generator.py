"""The state of a backend's own global random generator, where Keras layers draw from it.

Only PyTorch has one that matters: Keras' unseeded dropout takes ``torch.nn.functional.dropout``, which draws from it
(Keras 3.15). On JAX and TensorFlow everything random in Keras is a variable of the model.
"""

import keras
import numpy as np


def generator_states() -> dict[str, np.ndarray]:
    """Return the states by device, as bytes: ``cpu``, ``cuda0``, ... ; nothing on JAX and TensorFlow."""
    if keras.backend.backend() != "torch":
        return {}
    import torch

    states = {"cpu": torch.get_rng_state().numpy()}
    if torch.cuda.is_available():
        states |= {f"cuda{i}": state.numpy() for i, state in enumerate(torch.cuda.get_rng_state_all())}
    return states


def set_generator_states(states: dict[str, np.ndarray]) -> None:
    """Put back what `generator_states` returned; states of devices that are not here are left out."""
    if keras.backend.backend() != "torch":
        return
    import torch

    for device, state in states.items():
        if device == "cpu":
            torch.set_rng_state(torch.from_numpy(state.copy()))
        elif torch.cuda.is_available() and int(device[4:]) < torch.cuda.device_count():
            torch.cuda.set_rng_state(torch.from_numpy(state.copy()), int(device[4:]))
