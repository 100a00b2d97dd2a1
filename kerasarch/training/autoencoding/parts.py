"""What the autoencoders share: configs made of networks, and losses weighted by example."""

from typing import Any

import keras
from keras import ops


class PartsModel(keras.Model):
    """A model that is made of networks: its config holds them, under the names of the constructor's arguments.

    Attributes:
        PARTS: Names of the arguments that are networks or layers.
        NUMBERS: Names of the arguments that are plain values.
    """

    PARTS: tuple[str, ...] = ()
    NUMBERS: tuple[str, ...] = ()

    def get_config(self) -> dict[str, Any]:
        """Return networks and numbers as plain values."""
        return {
            "name": self.name,
            "dtype": keras.dtype_policies.serialize(self.dtype_policy),
            **{part: keras.saving.serialize_keras_object(getattr(self, part)) for part in self.PARTS},
            **{number: getattr(self, number) for number in self.NUMBERS},
        }

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Any = None) -> Any:
        """Build the networks and the model around them."""
        parts = {
            part: keras.saving.deserialize_keras_object(config[part], custom_objects=custom_objects)
            for part in cls.PARTS
        }
        return cls(**{**config, **parts})

    def get_compile_config(self) -> dict[str, Any]:
        """Return what ``compile`` was given, without ``jit_compile``: it belongs to the machine, not to the file."""
        config = super().get_compile_config()
        if config:
            config.pop("jit_compile", None)
        return config


def weighted_mean(values: Any, weights: Any) -> Any:
    """Return the mean over examples, each times its weight where there are weights, as Keras' losses do."""
    return ops.mean(values if weights is None else values * ops.reshape(ops.cast(weights, values.dtype), (-1,)))
