"""How the U-Nets of diffusion models are called, and the way through them."""

from collections.abc import Mapping, Sequence
from typing import Any

import keras
from keras import ops

from kerasarch.errors import ShapeError, UsageError
from kerasarch.layers import Conv2D, DiffusionResNetBlock, FourierTimes, GroupNormalization, TimestepSinusoids
from kerasarch.models.configured import ConfiguredModel
from kerasarch.models.unet_parts import DownStage, MiddleStage, Shape, UpStage


class DiffusionUNet(ConfiguredModel):
    """What both U-Nets share: named inputs, the embedding of the time, the way through the stages.

    Args:
        config: A frozen config.
        **kwargs: Passed to ``keras.Model``.
    """

    input_names_in_order: tuple[str, ...] = ("sample", "timestep")
    optional_inputs: tuple[str, ...] = ()
    down: list[DownStage]
    middle: MiddleStage | None
    up: list[UpStage]

    def __init__(self, config: Any, **kwargs: Any):
        # Times keep their precision: half of it cannot tell the time 999 from 1000. The children cast what they take.
        super().__init__(config, autocast=False, **kwargs)
        self.data_format = keras.config.image_data_format()
        self.axis = 1 if self.data_format == "channels_first" else -1
        levels = len(config.widths)
        if len(config.down) != levels or len(config.up) != levels:
            raise UsageError(
                f"{self.name}: down and up say what each level is. Received {len(config.down)} and {len(config.up)} "
                f"for {levels} widths."
            )

    @property
    def common(self) -> dict[str, Any]:
        """What every child that handles maps is given."""
        return {"data_format": self.data_format, "dtype": self.dtype_policy}

    @property
    def time_width(self) -> int:
        """Width of the embedding that the blocks are given."""
        return self.config.time_width or 4 * self.config.widths[0]

    def _conv(self, filters: int, name: str, kernel: int = 3) -> keras.layers.Layer:
        return Conv2D(filters, kernel, padding="same", name=name, **self.common)

    def _block(self, width: int, name: str, **changes: Any) -> DiffusionResNetBlock:
        config = self.config
        return DiffusionResNetBlock(
            width,
            name=name,
            **{
                "groups": config.groups,
                "conditioning": config.conditioning,
                "activation": config.activation,
                "dropout": config.dropout,
                "epsilon": config.epsilon,
                **self.common,
                **changes,
            },
        )

    def _norm_out(self) -> keras.layers.Layer:
        config = self.config
        return GroupNormalization(
            config.groups, axis=self.axis, epsilon=config.epsilon, dtype=self.dtype_policy, name="norm_out"
        )

    def _time_features(self) -> keras.layers.Layer:
        """Return the layer that makes vectors of times."""
        config = self.config
        if config.time_embedding == "fourier":
            return FourierTimes(config.widths[0], scale=16.0, logarithm=True, dtype=self.dtype_policy, name="times")
        if config.time_embedding == "learned":
            return keras.layers.Embedding(config.times, config.widths[0], dtype=self.dtype_policy, name="times")
        return TimestepSinusoids(
            config.widths[0],
            cosine_first=config.cosine_first,
            frequency_shift=config.frequency_shift,
            dtype=self.dtype_policy,
            name="times",
        )

    def _classes(self, classes: int, width: int, name: str) -> keras.layers.Layer:
        """Return an embedding of classes, as large as that of the time from the start, or it is not listened to."""
        normal = keras.initializers.RandomNormal(stddev=1.0)
        return keras.layers.Embedding(classes, width, embeddings_initializer=normal, dtype=self.dtype_policy, name=name)

    def _features(self, times: Any) -> Any:
        """Return what is embedded of times."""
        return self.times(times)

    def _embedded_labels(self, labels: Any) -> Any:
        """Return the embedding of class labels, whatever they are."""
        kind = self.config.class_embedding
        if self.class_embedding is None:  # the labels are vectors already
            return ops.cast(labels, self.compute_dtype)
        if kind in (None, "timestep"):
            labels = ops.reshape(labels, (-1,))
        return self.class_embedding(self._features(labels) if kind == "timestep" else labels)

    def named(self, inputs: Any) -> dict[str, Any]:
        """Return the inputs by their names, given a dictionary or a list.

        Raises:
            UsageError: One is missing, too much or unknown.
        """
        names = self.input_names_in_order
        if isinstance(inputs, Mapping):
            found = dict(inputs)
            found.update(found.pop("added_cond_kwargs", None) or {})
        elif isinstance(inputs, Sequence):
            found = {(names[i] if i < len(names) else f"number {i + 1}"): value for i, value in enumerate(inputs)}
        else:
            found = {"sample": inputs}
        found = {name: value for name, value in found.items() if value is not None}
        missing = [name for name in names if name not in found]
        unknown = [name for name in found if name not in (*names, *self.optional_inputs)]
        if missing or unknown:
            raise UsageError(
                f"{self.name}: expected a list [{', '.join(names)}] or a dictionary of these. "
                f"Missing: {', '.join(missing) or 'none'}; not known: {', '.join(unknown) or 'none'}."
            )
        return found

    def input_tensors(self, input_shape: Sequence[int] | None = None) -> dict[str, Any]:
        """Return Keras tensors like those that the model is called with, to follow a call without numbers.

        Args:
            input_shape: Height, width, channels of the samples; None for those of the config.

        Raises:
            UsageError: The config does not say how large they are.
        """
        shapes = self._input_shapes()
        others = {name: keras.KerasTensor((None, *shapes[name]), name=name) for name in self.input_names_in_order[1:]}
        return {"sample": super().input_tensors(input_shape), **others}

    def _input_shapes(self) -> dict[str, Shape]:
        """Return the shapes, without the batch, of what is given beside the samples."""
        vectors = self.config.class_embedding == "identity"
        return {"timestep": (), "class_labels": (self.time_width,) if vectors else ()}

    def _build_stages(self, context_shape: Shape | None = None) -> None:
        """Build convolutions, stages and the end; the sizes of the maps do not matter, their channels do."""
        config, embedding_shape = self.config, (None, self.time_width)
        shape = self._map(config.channels)
        self.conv_in.build(shape)
        shapes = [self._map(config.widths[0])]
        for down in self.down:
            down.build(shapes[-1], embedding_shape, context_shape)
            shapes.extend(self._map(made[self.axis]) for made in down.compute_output_shape(shapes[-1]))
        shape = shapes[-1]
        if self.middle is not None:
            self.middle.build(shape, embedding_shape, context_shape)
        for up in self.up:
            count = len(up.blocks)
            up.build(shape, shapes[-count:], embedding_shape, context_shape)
            shape, shapes = self._map(up.compute_output_shape(shape)[self.axis]), shapes[:-count]
        self.norm_out.build(shape)
        self.conv_out.build(shape)

    def _map(self, channels: int | None) -> Shape:
        return (None, channels, None, None) if self.axis == 1 else (None, None, None, channels)

    def _check(self, input_shape: Any) -> None:
        """Refuse samples of other channels than the config says."""
        sample = _sample_shape(input_shape)
        if sample is not None and (len(sample) != 4 or sample[self.axis] != self.config.channels):
            raise ShapeError(
                f"{self.name}: samples must have {self.config.channels} channels, {self.data_format}. "
                f"Received the shape {tuple(sample)}."
            )

    def _prepared(self, given: dict[str, Any]) -> tuple[Any, Any]:
        """Return the sample as the first convolution takes it, and the times, float32 (B,)."""
        sample = ops.cast(given["sample"], self.compute_dtype)
        if self.config.center:
            sample = 2 * sample - 1
        times = ops.reshape(ops.cast(given["timestep"], "float32"), (-1,))
        return sample, ops.broadcast_to(times, (ops.shape(sample)[0],))

    def _through(self, x: Any, embedding: Any, context: Any, context_mask: Any, training: bool | None) -> Any:
        """Go down, through the middle and up again."""
        attended = {"context": context, "context_mask": context_mask, "training": training}
        maps = [self.conv_in(x)]
        for down in self.down:
            maps.extend(down(maps[-1], embedding, **attended))
        x = maps[-1]
        if self.middle is not None:
            x = self.middle(x, embedding, **attended)
        for up in self.up:
            count = len(up.blocks)
            beside, maps = maps[-count:], maps[:-count]
            like = maps[-1] if maps else None
            x = up(x, beside, embedding, like=like, **attended)
        return self.norm_out(x)

    def compute_output_shape(self, input_shape: Any) -> Shape:
        """Return the shape of the output."""
        shape = list(_sample_shape(input_shape) or self._map(None))
        shape[self.axis] = self.config.output_channels
        return tuple(shape)


def sizes(input_shape: tuple[int | None, ...] | None) -> dict[str, Any]:
    """Return the fields of a config that the height, width and channels of samples decide."""
    if input_shape is None:
        return {}
    height, width, channels = input_shape
    size = None if height is None or width is None else (height if height == width else (height, width))
    return {"channels": channels, "output_channels": channels, "sample_size": size}


def _sample_shape(input_shape: Any) -> Any:
    """Return the sample's shape among those of all inputs."""
    if isinstance(input_shape, Mapping):
        return input_shape.get("sample")
    if input_shape and isinstance(input_shape[0], (list, tuple)):
        return input_shape[0]
    return input_shape
