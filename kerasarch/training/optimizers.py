"""Optimizers by the names that people type."""

from typing import Any

import keras

# Keras 3.15 does not know Lamb by its name in small letters.
OPTIMIZERS: dict[str, Any] = {
    name.lower(): getattr(keras.optimizers, name)
    for name in ("AdamW", "Adam", "SGD", "RMSprop", "Lion", "Lamb", "Nadam")
}


def optimizer_of(given: Any) -> keras.optimizers.Optimizer:
    """Return an optimizer for a name, a config or an optimizer: ``keras.optimizers.get``, which misses one name.

    Args:
        given: As Keras takes it, or a name in ``OPTIMIZERS``.
    """
    if isinstance(given, str) and given.lower() in OPTIMIZERS:
        return OPTIMIZERS[given.lower()]()
    return keras.optimizers.get(given)
