"""What differs on TensorFlow."""

import logging
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf


def name() -> str:
    """Name of the backend, as Keras has it."""
    return "tensorflow"


def prepare(compiled: Path | None = None, *, quick: bool = False) -> None:
    """Set up a process for a run: no advice against tracing anew, which Keras causes with every last batch.

    Args:
        compiled: Folder for compiled programs, which this backend does not keep.
        quick: The process computes little, which changes nothing on this backend.
    """
    tf.get_logger().addFilter(_is_no_advice)


def _is_no_advice(record: logging.LogRecord) -> bool:
    return "triggered tf.function retracing" not in record.getMessage()


def jit_long_training() -> bool | str:
    """Return ``jit_compile`` for thousands of steps of one shape: XLA, which Keras leaves off on processors.

    It takes seconds to compile and halves the time of convolutions where TensorFlow runs without oneDNN.
    """
    return True


def version() -> str:
    """Version of the backend's package."""
    return tf.__version__


def device_names() -> list[str]:
    """Devices that computation can run on, the default one first (``cpu:0``, ``gpu:0``)."""
    devices = [*tf.config.list_logical_devices("GPU"), *tf.config.list_logical_devices("TPU")]
    devices = devices or tf.config.list_logical_devices("CPU")
    return [f"{device.device_type.lower()}:{device.name.rsplit(':', 1)[-1]}" for device in devices]


def synchronize(value: Any = None) -> None:
    """Waits until work that was handed out is done; without it a clock measures the handing out.

    Args:
        value: Tensors (or a structure of them) to wait for; None waits for the default device's queue.
    """
    if value is None:
        tf.test.experimental.sync_devices()
    else:
        for tensor in tf.nest.flatten(value):
            tensor.numpy()


def memory_peak() -> int | None:
    """Largest memory in use so far on the default device, in bytes; None where the device does not count it (CPU)."""
    if not tf.config.list_logical_devices("GPU"):
        return None
    return tf.config.experimental.get_memory_info("GPU:0")["peak"]


def lay_out_kernel(variable: Any) -> None:
    """Do nothing: the compiler of this backend chooses the layout of a convolution's kernel itself."""


def generator_states() -> dict[str, np.ndarray]:
    """Return nothing: everything random in Keras is a variable on this backend, which has no generator of its own."""
    return {}


def set_generator_states(states: dict[str, np.ndarray]) -> None:
    """Do nothing; see `generator_states`."""
