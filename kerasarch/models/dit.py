"""DiT: a transformer over patches in the place of the U-Net, conditioned on classes.

Paper: Peebles & Xie, 2022 (https://arxiv.org/abs/2212.09748), with its adaLN-Zero blocks. Weights: folders of
diffusers' ``DiTTransformer2DModel``, see ``kerasarch.weights``.

Where we differ from diffusers: pictures need not be square; there is no dropping of labels within the network. For
classifier-free guidance the training loop replaces some labels by ``config.null_class``, which is what
``kerasarch.training.Diffusion`` does with every kind of condition: the network stays a function of what it is given.
"""

import dataclasses
import math
from collections.abc import Mapping, Sequence
from typing import Any

import keras
from keras import ops

from kerasarch.errors import ShapeError, UsageError
from kerasarch.layers import Conv2D
from kerasarch.models.configured import ConfiguredModel, as_config
from kerasarch.models.dit_parts import DiTBlock, DiTCondition, places, plain_normalization, zero_dense
from kerasarch.models.family import choose


@dataclasses.dataclass(frozen=True)
class DiTConfig:
    """Sizes and details, with diffusers' defaults.

    Attributes:
        channels: Channels of the samples that go in (``in_channels``).
        output_channels: Channels of the prediction (``out_channels``): None for as many as go in; the paper's have
            twice as many, the second half for the variance.
        sample_size: Pixels along a side of the samples in training: the places of patches are counted by it.
        patch: Pixels along a side of a patch (``patch_size``).
        heads: Heads of each attention (``num_attention_heads``).
        head_width: Channels of a head (``attention_head_dim``); the width is ``heads * head_width``.
        depth: Blocks (``num_layers``).
        classes: Number of classes (``num_embeds_ada_norm``).
        activation: In the feed-forward networks (``activation_fn``).
        bias: Whether queries, keys and values have biases (``attention_bias``).
        dropout: Rate in the blocks.
        affine: Whether the blocks' second normalisations have scales and offsets (``norm_elementwise_affine``).
        epsilon: Added to their variance (``norm_eps``).
        variance: Whether the second half of a prediction of twice as many channels is returned; samplers take the
            first.
        shared: One embedding of time and class for all blocks, as in the paper. Diffusers has one in each block; those
            of the public weights are copies of one.
    """

    channels: int = 4
    output_channels: int | None = None
    sample_size: int = 32
    patch: int = 2
    heads: int = 16
    head_width: int = 72
    depth: int = 28
    classes: int = 1000
    activation: str = "gelu-approximate"
    bias: bool = True
    dropout: float = 0.0
    affine: bool = False
    epsilon: float = 1e-5
    variance: bool = True
    shared: bool = False

    @property
    def null_class(self) -> int:
        """The number that stands for no class."""
        return self.classes

    @property
    def returned_channels(self) -> int:
        """Channels of what the model returns."""
        return (self.output_channels or self.channels) if self.variance else self.channels


def _sized(depth: int, heads: int, head_width: int, patch: int) -> DiTConfig:
    return DiTConfig(
        patch=patch, depth=depth, heads=heads, head_width=head_width, output_channels=8, epsilon=1e-6, shared=True
    )


# Table 1 of the paper: depth, heads, width of a head, patch. Latents of 256 pixels, epsilon 1e-6 as in the paper's code
VARIANTS = {
    "dit_s_2": _sized(12, 6, 64, 2),
    "dit_s_4": _sized(12, 6, 64, 4),
    "dit_s_8": _sized(12, 6, 64, 8),
    "dit_b_2": _sized(12, 12, 64, 2),
    "dit_b_4": _sized(12, 12, 64, 4),
    "dit_b_8": _sized(12, 12, 64, 8),
    "dit_l_2": _sized(24, 16, 64, 2),
    "dit_l_4": _sized(24, 16, 64, 4),
    "dit_l_8": _sized(24, 16, 64, 8),
    "dit_xl_2": _sized(28, 16, 72, 2),
    "dit_xl_4": _sized(28, 16, 72, 4),
    "dit_xl_8": _sized(28, 16, 72, 8),
    # Ours, for pictures of 16 pixels
    "digits": DiTConfig(
        channels=1, sample_size=16, heads=4, head_width=24, depth=6, classes=10, epsilon=1e-6, shared=True
    ),
}


@keras.saving.register_keras_serializable(package="kerasarch")
class DiT(ConfiguredModel):
    """Noisy samples, times and classes to a prediction of the noise, or of what the process makes of it.

    Patches become tokens, pass blocks that the embedded time and class steer, and become patches again: Peebles & Xie,
    2022, section 3.2 (https://arxiv.org/abs/2212.09748). Called on ``[sample, timestep, class_labels]`` or on a
    dictionary of these names, where the sample may be called ``hidden_states`` as in diffusers. Without labels no
    sample has a class. Fresh models predict zero.

    Args:
        config: The config, or its fields as a dictionary.
        **kwargs: Passed to ``keras.Model``.

    Shapes:
        Samples ``(B, H, W, C)``, times ``(B,)``, whole or not, labels ``(B,)`` from 0 to ``classes``, the last for no
        class; the prediction is ``(B, H, W, output_channels)``, without the ``variance`` ``(B, H, W, C)``.

    Raises:
        UsageError: The config contradicts itself, or an input is missing or unknown.
        ShapeError: The samples have other channels, or cannot be cut into patches.
    """

    family = "dit"
    input_names_in_order = ("sample", "timestep", "class_labels")

    def __init__(self, config: DiTConfig | dict[str, Any], **kwargs: Any):
        config = as_config(DiTConfig, config)
        # Times keep their precision; the children cast what they take.
        super().__init__(config, autocast=False, **kwargs)
        width = config.heads * config.head_width
        if width % 4:
            raise UsageError(
                f"{self.name}: heads * head_width must be a multiple of 4, for the places of patches. Received "
                f"{config.heads} * {config.head_width}."
            )
        self.data_format = keras.config.image_data_format()
        self.axis = 1 if self.data_format == "channels_first" else -1
        self.width, self.output_channels = width, config.output_channels or config.channels
        own = {"dtype": self.dtype_policy}
        # Glorot's bound for a linear map of patches, as in the paper's code, not for a convolution
        bound = math.sqrt(6 / (config.patch**2 * config.channels + width))
        self.patches = Conv2D(
            width,
            config.patch,
            strides=config.patch,
            kernel_initializer=keras.initializers.RandomUniform(-bound, bound),
            data_format=self.data_format,
            name="patches",
            **own,
        )
        self.condition = DiTCondition(width, config.classes, name="condition", **own) if config.shared else None
        names = ("heads", "head_width", "activation", "bias", "affine", "epsilon", "dropout")
        fields = {name: getattr(config, name) for name in names}
        classes = None if config.shared else config.classes
        self.blocks = [
            DiTBlock(**fields, classes=classes, name=f"block{index}", **own) for index in range(config.depth)
        ]
        self.norm_out = plain_normalization(name="norm_out", **own)
        self.modulation_out = zero_dense(2 * width, name="modulation_out", **own)
        self.project_out = zero_dense(config.patch**2 * self.output_channels, name="project_out", **own)

    def input_tensors(self, input_shape: Sequence[int] | None = None) -> list[Any]:
        """Return Keras tensors like those that the model is called with, to follow a call without numbers.

        Args:
            input_shape: Height, width, channels of the samples; None for those of the config.
        """
        others = [keras.KerasTensor((None,), name=name) for name in self.input_names_in_order[1:]]
        return [super().input_tensors(input_shape), *others]

    def build(self, input_shape: Any = None) -> None:
        """Build the children; only the channels of the samples matter, and the config knows them."""
        self._check(_sample_shape(input_shape))
        channels, width = self.config.channels, self.width
        self.patches.build((None, channels, None, None) if self.axis == 1 else (None, None, None, channels))
        if self.condition is not None:
            self.condition.build()
        for block in self.blocks:
            block.build((None, None, width))
        self.norm_out.build((None, None, width))
        self.modulation_out.build((None, width))
        self.project_out.build((None, None, width))

    def call(self, inputs: Any, training: bool | None = None) -> Any:  # [(B, H, W, C), (B,), (B,)]
        """Return the prediction."""
        given = self._named(inputs)
        sample = ops.cast(given["sample"], self.compute_dtype)
        self._check(sample.shape)
        batch = ops.shape(sample)[0]
        times = ops.broadcast_to(ops.reshape(ops.cast(given["timestep"], "float32"), (-1,)), (batch,))
        labels = given.get("class_labels", self.config.null_class)
        labels = ops.broadcast_to(ops.reshape(ops.cast(labels, "int32"), (-1,)), (batch,))
        x, rows, columns = self._cut(sample)  # (B, T, D)
        vectors = None if self.condition is None else self.condition(times, labels)  # (B, D)
        first = vectors
        for block in self.blocks:
            vectors = vectors if block.condition is None else block.condition(times, labels)
            first = vectors if first is None else first
            x = block(x, vectors, training=training)
        shift, scale = ops.split(self.modulation_out(keras.activations.silu(first))[:, None], 2, axis=-1)
        return self._join(self.project_out(self.norm_out(x) * (1 + scale) + shift), rows, columns)

    def _cut(self, sample: Any) -> tuple[Any, Any, Any]:
        """Return the embedded patches with their places, and how many rows and columns there are."""
        x = self.patches(sample)
        x = ops.transpose(x, (0, 2, 3, 1)) if self.axis == 1 else x
        batch, rows, columns = ops.shape(x)[:3]
        x = ops.reshape(x, (batch, rows * columns, self.width))
        base = self.config.sample_size // self.config.patch
        return x + ops.cast(places(rows, columns, base, self.width), x.dtype), rows, columns

    def _join(self, x: Any, rows: Any, columns: Any) -> Any:  # (B, T, patch * patch * channels) -> (B, H, W, channels)
        patch, channels = self.config.patch, self.output_channels
        x = ops.reshape(x, (-1, rows, columns, patch, patch, channels))[..., : self.config.returned_channels]
        channels = x.shape[-1]
        x = ops.reshape(ops.transpose(x, (0, 1, 3, 2, 4, 5)), (-1, rows * patch, columns * patch, channels))
        return ops.transpose(x, (0, 3, 1, 2)) if self.axis == 1 else x

    def _named(self, inputs: Any) -> dict[str, Any]:
        names = self.input_names_in_order
        if isinstance(inputs, Mapping):
            given = {"sample" if name == "hidden_states" else name: value for name, value in inputs.items()}
        else:
            inputs = inputs if isinstance(inputs, list | tuple) else [inputs]
            given = {names[i] if i < len(names) else f"number {i + 1}": value for i, value in enumerate(inputs)}
        given = {name: value for name, value in given.items() if value is not None}
        missing, unknown = (
            [name for name in names[:2] if name not in given],
            [name for name in given if name not in names],
        )
        if missing or unknown:
            raise UsageError(
                f"{self.name}: expected a list [{', '.join(names)}] or a dictionary of these. "
                f"Missing: {', '.join(missing) or 'none'}; not known: {', '.join(unknown) or 'none'}."
            )
        return given

    def _check(self, shape: Any) -> None:
        """Refuse samples of other channels than the config says, or of broken patches."""
        if shape is None:
            return
        patch = self.config.patch
        sizes = [size for axis, size in enumerate(shape) if axis and axis != self.axis % 4]
        if len(shape) != 4 or shape[self.axis] != self.config.channels or any(size and size % patch for size in sizes):
            raise ShapeError(
                f"{self.name}: samples must have {self.config.channels} channels, {self.data_format}, and sides that "
                f"are multiples of patch={patch}. Received the shape {tuple(shape)}."
            )

    def compute_output_shape(self, input_shape: Any) -> tuple[int | None, ...]:
        """Return the shape of the output."""
        shape = list(_sample_shape(input_shape))
        shape[self.axis] = self.config.returned_channels
        return tuple(shape)


def _sample_shape(input_shape: Any) -> Any:
    """Return the sample's shape among those of all inputs."""
    if isinstance(input_shape, Mapping):
        return input_shape.get("sample", input_shape.get("hidden_states"))
    if input_shape and isinstance(input_shape[0], list | tuple):
        return input_shape[0]
    return input_shape


def dit(
    variant: str | DiTConfig = "digits",
    *,
    input_shape: tuple[int | None, ...] | None = None,
    name: str = "dit",
    dtype: Any = None,
    **overrides: Any,
) -> DiT:
    """Build a DiT with fresh weights; ``kerasarch.from_pretrained`` builds one with public weights.

    Args:
        variant: A name in the table, or a config.
        input_shape: Height, width, channels; the channels replace those of the config and the larger side its
            ``sample_size``.
        name: Name of the model.
        dtype: Dtype policy; None for the global one.
        **overrides: Fields of the config to replace.

    Raises:
        UsageError: No such variant or field.
    """
    if input_shape is not None:
        sides = [side for side in input_shape[:2] if side]
        overrides = {"channels": input_shape[2], **({"sample_size": max(sides)} if sides else {}), **overrides}
    model = DiT(choose(VARIANTS, variant, overrides), name=name, dtype=dtype)
    model.build()
    return model
