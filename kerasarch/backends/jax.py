"""What differs on JAX."""

import os
from pathlib import Path
from typing import Any

import jax
import numpy as np

from kerasarch.backends import draws_jax, serialization

UNOPTIMISED = "jax_disable_most_optimizations"
_UNOPTIMISED = bool(jax.config.values[UNOPTIMISED])  # what the user has set
WORTH_KEEPING = 0.1  # seconds: programs that compile faster are compiled again


def name() -> str:
    """Name of the backend, as Keras has it."""
    return "jax"


def prepare(compiled: Path | None = None, *, quick: bool = False) -> None:
    """Set up a process for a run: random numbers whose programs compile quickly, and a place to keep programs.

    JAX's newer scheme of random numbers, made for arrays that are spread over devices, takes XLA's CPU compiler up to
    nine seconds for each shape of a convolution's first kernel; the older one takes half a second.

    Args:
        compiled: Folder in which compiled programs are kept for later runs, unless JAX is set to another one. A program
            takes some kilobytes.
        quick: The process computes little: programs are compiled with few optimisations, and random numbers outside
            of them come from NumPy.
    """
    serialization.spare_tensorflow()
    jax.config.update("jax_threefry_partitionable", False)
    jax.config.update(UNOPTIMISED, quick or _UNOPTIMISED)  # a quick trial may be followed by a run in one process
    draws_jax.draw_on_host(quick)
    if compiled is None or jax.config.values["jax_compilation_cache_dir"] or not _writable(compiled):
        return
    jax.config.update("jax_compilation_cache_dir", str(compiled))
    jax.config.update("jax_persistent_cache_min_compile_time_secs", WORTH_KEEPING)


def _writable(folder: Path) -> bool:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError:
        return False
    return os.access(folder, os.W_OK)


def jit_long_training() -> bool | str:
    """Return ``jit_compile`` for thousands of steps of one shape: Keras' own choice, which is to compile."""
    return "auto"


def version() -> str:
    """Version of the backend's package."""
    return jax.__version__


def device_names() -> list[str]:
    """Devices that computation can run on, the default one first (``cpu:0``, ``gpu:0``)."""
    return [f"{'gpu' if device.platform == 'cuda' else device.platform}:{device.id}" for device in jax.local_devices()]


def synchronize(value: Any = None) -> None:
    """Waits until work that was handed out is done; without it a clock measures the handing out.

    Args:
        value: Tensors (or a structure of them) to wait for; None waits for the default device's queue.
    """
    if value is None:
        # Work runs in the order of its dispatch on a device: what is dispatched last is done last.
        value = jax.device_put(0.0) + 0
    jax.block_until_ready(value)


def memory_peak() -> int | None:
    """Largest memory in use so far on the default device, in bytes; None where the device does not count it (CPU)."""
    statistics = jax.local_devices()[0].memory_stats()
    return None if statistics is None else statistics.get("peak_bytes_in_use")


def lay_out_kernel(variable: Any) -> None:
    """Do nothing: the compiler of this backend chooses the layout of a convolution's kernel itself."""


def generator_states() -> dict[str, np.ndarray]:
    """Return nothing: everything random in Keras is a variable on this backend, which has no generator of its own."""
    return {}


def set_generator_states(states: dict[str, np.ndarray]) -> None:
    """Do nothing; see `generator_states`."""
