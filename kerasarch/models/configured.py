"""Models that are made from a frozen config and nothing else."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

import keras

from kerasarch.errors import UsageError
from kerasarch.models.repeatable import Repeatable

Config = TypeVar("Config")


def as_config(kind: type[Config], given: Config | Mapping[str, Any]) -> Config:
    """Return a config, given it or its fields, whose tuples a file has turned into lists."""
    if isinstance(given, kind):
        return given
    fields: Any = given
    return kind(**{name: _tuples(value) for name, value in fields.items()})


def _tuples(value: Any) -> Any:
    return tuple(_tuples(part) for part in value) if isinstance(value, list | tuple) else value


class ConfiguredModel(Repeatable, keras.Model):
    """A subclassed model that keeps its config, and is made from it again.

    Args:
        config: A frozen config.
        **kwargs: Passed to ``keras.Model``.
    """

    family = ""

    def __init__(self, config: Any, **kwargs: Any):
        super().__init__(**kwargs)
        self._config = (config,)  # a tuple of plain values is not tracked by Keras

    @property
    def config(self) -> Any:
        """Sizes and details."""
        return self._config[0]

    @property
    def architecture(self) -> dict[str, Any]:
        """Family and config as plain values."""
        return {"family": self.family, "config": dataclasses.asdict(self.config)}

    def input_tensors(self, input_shape: Sequence[int] | None = None) -> Any:
        """Return Keras tensors like those that the model is called with, to follow a call without numbers.

        Args:
            input_shape: Height, width, channels of the pictures or latents; None for those of the config.

        Raises:
            UsageError: The config does not say how large they are.
        """
        size = self.config.sample_size
        height, width = (size, size) if isinstance(size, int | None) else size
        shape = tuple(input_shape or (height, width, self.config.channels))
        if None in shape:
            raise UsageError(f"{self.name}: takes inputs of any size. Give one, such as 32x32x{shape[2]}.")
        return keras.KerasTensor(picture_shape(shape), "float32", name="sample")

    def get_config(self) -> dict[str, Any]:
        """Return the config as plain values."""
        return {**super().get_config(), "config": dataclasses.asdict(self.config)}

    def get_compile_config(self) -> dict[str, Any]:
        """Return what ``compile`` was given, without ``jit_compile``: it belongs to the machine, not to the file."""
        config = super().get_compile_config()
        if config:
            config.pop("jit_compile", None)
        return config


def picture_shape(shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
    """Return the shape of a batch of pictures, given height, width and channels."""
    height, width, channels = shape
    first = keras.config.image_data_format() == "channels_first"
    return (None, channels, height, width) if first else (None, height, width, channels)
