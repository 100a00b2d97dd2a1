"""What differs on PyTorch."""

from pathlib import Path
from typing import Any

import numpy as np
import torch

from kerasarch.backends import serialization


def name() -> str:
    """Name of the backend, as Keras has it."""
    return "torch"


def prepare(compiled: Path | None = None, *, quick: bool = False) -> None:
    """Set up a process for a run.

    Args:
        compiled: Folder for compiled programs, which this backend does not keep.
        quick: The process computes little, which changes nothing on this backend.
    """
    serialization.spare_tensorflow()


def jit_long_training() -> bool | str:
    """Return ``jit_compile`` for thousands of steps of one shape: Keras' own choice, as compiling takes minutes."""
    return "auto"


def version() -> str:
    """Version of the backend's package."""
    return torch.__version__


def device_names() -> list[str]:
    """Devices that computation can run on, the default one first (``cpu:0``, ``gpu:0``)."""
    if torch.cuda.is_available():
        return [f"gpu:{index}" for index in range(torch.cuda.device_count())]
    return ["mps:0"] if torch.backends.mps.is_available() else ["cpu:0"]


def synchronize(value: Any = None) -> None:
    """Waits until work that was handed out is done; without it a clock measures the handing out.

    Args:
        value: Tensors (or a structure of them) to wait for; None waits for the default device's queue. PyTorch waits
            for the whole queue in either case.
    """
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    elif torch.backends.mps.is_available():
        torch.mps.synchronize()


def memory_peak() -> int | None:
    """Largest memory in use so far on the default device, in bytes; None where the device does not count it (CPU)."""
    return torch.cuda.max_memory_allocated() if torch.cuda.is_available() else None


def lay_out_kernel(variable: Any) -> None:
    """Keep the kernel of a two-dimensional convolution in memory as PyTorch's channels-last convolutions read it.

    Keras keeps it as height, width, input, output and turns it at every call, which for the wide layers of a ResNet
    takes longer than the convolution. Shape and values stay; only the strides change, and assignments keep them.

    Args:
        variable: Kernel of a ``Conv2D``; those of depthwise convolutions are left alone.
    """
    value = variable.value
    if value.ndim == 4 and value.shape[-1] > 1 and value.device.type != "meta":
        value.data = value.data.permute(3, 0, 1, 2).contiguous().permute(1, 2, 3, 0)


def generator_states() -> dict[str, np.ndarray]:
    """Return the states of the backend's own generators by device, as bytes: ``cpu``, ``cuda0``, ...

    Unseeded layers draw from them: Keras' dropout takes ``torch.nn.functional.dropout`` (Keras 3.15).
    """
    states = {"cpu": torch.get_rng_state().numpy()}
    if torch.cuda.is_available():
        states |= {f"cuda{i}": state.numpy() for i, state in enumerate(torch.cuda.get_rng_state_all())}
    return states


def set_generator_states(states: dict[str, np.ndarray]) -> None:
    """Put back what `generator_states` returned; states of devices that are not here are left out."""
    for device, state in states.items():
        if device == "cpu":
            torch.set_rng_state(torch.from_numpy(state.copy()))
        elif torch.cuda.is_available() and int(device[4:]) < torch.cuda.device_count():
            torch.cuda.set_rng_state(torch.from_numpy(state.copy()), int(device[4:]))
