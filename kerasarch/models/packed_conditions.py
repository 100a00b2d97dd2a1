"""Networks with several conditions, called with one."""

import math
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from keras import ops


@keras.saving.register_keras_serializable(package="kerasarch")
class PackedConditions(keras.Model):
    """A network whose conditions are laid behind one another in one vector, as ``kerasarch.training.Diffusion`` has it.

    Args:
        network: Called as ``network([x, times, *conditions])``.
        shapes: Of each condition, without the batch.
        **kwargs: Passed to ``keras.Model``.

    Shapes:
        ``[x, times (B,), packed (B, N)]`` to what the network gives; N the numbers of all conditions.
    """

    def __init__(self, network: keras.Model, shapes: Sequence[Sequence[int]], **kwargs: Any):
        # Times and sizes keep their precision; the network casts what it takes.
        super().__init__(**{"dtype": "float32", **kwargs})
        self.network = network
        self.shapes = tuple(tuple(shape) for shape in shapes)
        self.built = True

    def call(self, inputs: Sequence[Any], training: bool | None = None) -> Any:
        """Ask the network."""
        x, times, packed = inputs
        ends = np.cumsum([math.prod(shape) for shape in self.shapes])[:-1].tolist()
        parts = ops.split(packed, ends, axis=-1) if ends else [packed]
        conditions = [ops.reshape(part, (-1, *shape)) for part, shape in zip(parts, self.shapes, strict=True)]
        return self.network([x, times, *conditions], training=training)

    @staticmethod
    def pack(conditions: Sequence[np.ndarray]) -> np.ndarray:
        """Lay conditions ``(B, ...)`` behind one another, ``(B, N)``."""
        return np.concatenate([np.reshape(part, (len(part), -1)) for part in conditions], axis=-1)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments as plain values."""
        return {
            "name": self.name,
            "dtype": keras.dtype_policies.serialize(self.dtype_policy),
            "network": keras.saving.serialize_keras_object(self.network),
            "shapes": self.shapes,
        }

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Any = None) -> "PackedConditions":
        """Build the network and the model around it."""
        network = keras.saving.deserialize_keras_object(config["network"], custom_objects=custom_objects)
        return cls(**{**config, "network": network})
