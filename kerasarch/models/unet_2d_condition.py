"""UNet2DConditionModel: the U-Net of Stable Diffusion, whose pixels attend to a caption.

Paper: Rombach et al., 2021, section 3.3 (https://arxiv.org/abs/2112.10752); for the sizes of pictures and the second
text encoder beside the time Podell et al., 2023, section 2 (https://arxiv.org/abs/2307.01952). Weights: diffusers
folders, see ``kerasarch.weights``.
"""

from typing import Any

import keras
from keras import ops

from kerasarch.errors import UsageError
from kerasarch.layers import (
    DiffusionDownsample,
    DiffusionUpsample,
    PixelTransformer,
    TimestepEmbedding,
    TimestepSinusoids,
)
from kerasarch.models.configured import as_config
from kerasarch.models.family import choose
from kerasarch.models.unet_2d_condition_config import VARIANTS, UNet2DConditionConfig
from kerasarch.models.unet_base import DiffusionUNet, sizes
from kerasarch.models.unet_parts import DownStage, MiddleStage, Shape, UpStage

KINDS = ("plain", "cross", "resnet")
MIDDLES = ("cross", "plain", None)
CLASS_EMBEDDINGS = (None, "timestep", "identity", "projection", "simple_projection")
ADDITIONS = (None, "text_time")
TIME_IDS = 6
"""Numbers that say how a picture was cut and scaled: Podell et al., 2023, section 2.2."""
CAPTION = 77
"""Tokens of a caption of Stable Diffusion; any number will do."""


@keras.saving.register_keras_serializable(package="kerasarch")
class UNet2DConditionModel(DiffusionUNet):
    """Noisy latents, times and the tokens of a caption to a prediction of the noise.

    Rombach et al., 2021, section 3.3 (https://arxiv.org/abs/2112.10752). Called on ``[sample, timestep,
    encoder_hidden_states]``, then ``class_labels`` where the config has classes and ``text_embeds, time_ids`` where it
    has the addition ``"text_time"`` (Stable Diffusion XL); or on a dictionary of these names, where
    ``added_cond_kwargs`` may hold the last two, ``encoder_attention_mask`` is true where a token may be attended to,
    and ``timestep_cond`` is a vector beside the time.

    Args:
        config: The config, or its fields as a dictionary.
        **kwargs: Passed to ``keras.Model``.

    Shapes:
        S tokens: samples ``(B, H, W, C)``, times ``(B,)``, tokens ``(B, S, context_width)``, labels ``(B,)``, text
        ``(B, E)``, time ids ``(B, 6)``; the prediction has the samples' size and ``output_channels``.

    Raises:
        UsageError: The config contradicts itself, or an input is missing.
        ShapeError: The samples have other channels.
    """

    family = "unet_2d_condition"

    def __init__(self, config: UNet2DConditionConfig | dict[str, Any], **kwargs: Any):
        config = as_config(UNet2DConditionConfig, config)
        super().__init__(config, **kwargs)
        self._refuse()
        names = ["sample", "timestep", "encoder_hidden_states"]
        names += ["class_labels"] if config.labelled else []
        names += ["text_embeds", "time_ids"] if config.addition else []
        self.input_names_in_order = tuple(names)
        more = ("timestep_cond",) if config.time_condition_width else ()
        self.optional_inputs = ("encoder_attention_mask", *more)
        self.times = self._sinusoids(config.widths[0], "times")
        self.time_embedding = self._embedding(
            "time_embedding", activation=config.activation, final_activation=config.time_final_activation
        )
        self.class_embedding = self._class_embedding()
        if config.addition is not None:
            self.addition_times = self._sinusoids(config.addition_width, "addition_times")
            self.addition_embedding = self._embedding("addition_embedding")
        self.time_activation = keras.activations.get(config.time_activation)
        self.token_projection: keras.layers.Layer | None = None
        if config.token_width is not None:
            self.token_projection = keras.layers.Dense(
                config.context_width, dtype=self.dtype_policy, name="token_projection"
            )
        self.conv_in = self._conv(config.widths[0], "conv_in", config.kernel_in)
        self.down = [self._down(level) for level in range(len(config.widths))]
        self.middle = self._middle() if config.middle else None
        self.up = [self._up(level) for level in range(len(config.widths))]
        self.norm_out = self._norm_out()
        self.conv_out = self._conv(config.output_channels, "conv_out", config.kernel_out)

    def _refuse(self) -> None:
        config, levels = self.config, len(self.config.widths)
        known = {
            "middle": MIDDLES,
            "conditioning": ("shift", "scale_shift"),
            "class_embedding": CLASS_EMBEDDINGS,
            "addition": ADDITIONS,
        }
        for name, values in known.items():
            if getattr(config, name) not in values:
                raise UsageError(f"{self.name}: {name} must be one of {values}. Received {getattr(config, name)!r}.")
        wrong = sorted({*config.down, *config.up} - set(KINDS))
        if wrong:
            raise UsageError(f"{self.name}: down and up hold {', '.join(KINDS)}. Received {', '.join(wrong)}.")
        for name in ("depth", "heads", "transformer_depth", "up_transformer_depth", "only_cross_attention"):
            value = getattr(config, name)
            if isinstance(value, tuple) and len(value) != levels:
                raise UsageError(f"{self.name}: {name} has a value for each of {levels} levels. Received {value}.")
        needed = config.addition is not None or config.class_embedding in ("projection", "simple_projection")
        if (needed and not config.projection_width) or (config.addition is not None and not config.addition_width):
            raise UsageError(
                f"{self.name}: addition and projected classes need projection_width, additions addition_width. "
                f"Received {config.projection_width} and {config.addition_width}."
            )

    @property
    def time_width(self) -> int:
        """Width of the embedding that the blocks are given."""
        return super().time_width * (2 if self.config.class_beside and self.config.labelled else 1)

    def _sinusoids(self, width: Any, name: str) -> TimestepSinusoids:
        config = self.config
        return TimestepSinusoids(
            width,
            cosine_first=config.cosine_first,
            frequency_shift=config.frequency_shift,
            dtype=self.dtype_policy,
            name=name,
        )

    def _embedding(self, name: str, **arguments: Any) -> TimestepEmbedding:
        return TimestepEmbedding(super().time_width, dtype=self.dtype_policy, name=name, **arguments)

    def _class_embedding(self) -> keras.layers.Layer | None:
        config, name = self.config, "class_embedding"
        if config.class_embedding == "timestep":
            return self._embedding(name, activation=config.activation)
        if config.class_embedding == "projection":
            return self._embedding(name)
        if config.class_embedding == "simple_projection":
            return keras.layers.Dense(super().time_width, dtype=self.dtype_policy, name=name)
        if config.class_embedding is None and config.classes is not None:
            return self._classes(config.classes, super().time_width, name)
        return None

    def _input_shapes(self) -> dict[str, Shape]:
        config = self.config
        shapes = {**super()._input_shapes(), "time_ids": (TIME_IDS,)}
        shapes["encoder_hidden_states"] = (CAPTION, config.token_width or config.context_width)
        if config.class_embedding in ("projection", "simple_projection"):
            shapes["class_labels"] = (config.projection_width,)
        if config.addition is not None:
            shapes["text_embeds"] = (config.projection_width - TIME_IDS * config.addition_width,)
        return shapes

    def _parts(self, kind: str, width: int, depth: int, level: int, transformers: Any) -> dict[str, Any]:
        """Return blocks and attentions; ``level`` is that of the way down."""
        config = self.config
        changes: dict[str, Any] = {}
        if kind == "resnet":
            changes = {"activate_embedding": not config.skip_time_activation, "output_scale": config.resnet_scale}
        attentions = []
        if kind == "cross":
            depths = transformers if isinstance(transformers, tuple) else (transformers,) * depth
            attentions = [self._transformer(index, level, depths[index]) for index in range(depth)]
        return {
            "blocks": [self._block(width, f"block{index}", **changes) for index in range(depth)],
            "attentions": attentions,
            "axis": self.axis,
            "dtype": self.dtype_policy,
        }

    def _transformer(self, index: int, level: int, depth: int, **changes: Any) -> PixelTransformer:
        config = self.config
        return PixelTransformer(
            _at(config.heads, level),
            name=f"transformer{index}",
            **{
                "depth": depth,
                "groups": config.groups,
                "linear": config.linear_projection,
                "only_cross_attention": _at(config.only_cross_attention, level),
                **self.common,
                **changes,
            },
        )

    def _resampling_block(self, width: int, way: str) -> keras.layers.Layer:
        config = self.config
        return self._block(
            width,
            "resample",
            resampling=way,
            activate_embedding=not config.skip_time_activation,
            output_scale=config.resnet_scale,
        )

    def _down(self, level: int) -> DownStage:
        config = self.config
        width, kind = config.widths[level], config.down[level]
        resample: keras.layers.Layer | None = None
        if level < len(config.widths) - 1:
            if kind == "resnet":
                resample = self._resampling_block(width, "down")
            else:
                padding = config.downsample_padding
                resample = DiffusionDownsample(width, padding=padding, name="resample", **self.common)
        parts = self._parts(kind, width, _at(config.depth, level), level, _at(config.transformer_depth, level))
        return DownStage(**parts, resample=resample, name=f"down{level}")

    def _middle(self) -> MiddleStage:
        config = self.config
        cross = config.middle == "cross"
        depth = _at(config.transformer_depth, -1)
        depth = depth[0] if isinstance(depth, tuple) else depth
        # In the middle diffusers attends to pixels as well, whatever only_cross_attention says.
        attentions = [self._transformer(0, -1, depth, only_cross_attention=False)] if cross else []
        return MiddleStage(
            [
                self._block(config.widths[-1], f"block{index}", output_scale=config.middle_scale)
                for index in range(2 if cross else 1)
            ],
            attentions,
            axis=self.axis,
            dtype=self.dtype_policy,
            name="middle",
        )

    def _up(self, level: int) -> UpStage:
        config = self.config
        mirrored = len(config.widths) - 1 - level
        width, kind = config.widths[mirrored], config.up[level]
        resample: keras.layers.Layer | None = None
        if mirrored:
            if kind == "resnet":
                resample = self._resampling_block(width, "up")
            else:
                resample = DiffusionUpsample(width, name="resample", **self.common)
        transformers = _at(config.transformer_depth, mirrored)
        if config.up_transformer_depth is not None:
            transformers = config.up_transformer_depth[level]
        parts = self._parts(kind, width, _at(config.depth, mirrored) + 1, mirrored, transformers)
        return UpStage(**parts, resample=resample, name=f"up{level}")

    def build(self, input_shape: Any = None) -> None:
        """Build the children; only channels and widths matter, and the config knows them."""
        config = self.config
        self._check(input_shape)
        self.times.build((None,))
        features = (None, config.widths[0])
        condition = (None, config.time_condition_width) if config.time_condition_width else None
        self.time_embedding.build(features, condition)
        if self.class_embedding is not None:
            vectors = (None, config.projection_width)
            shapes = {"timestep": features, "projection": vectors, "simple_projection": vectors, None: (None,)}
            self.class_embedding.build(shapes[config.class_embedding])
        if config.addition is not None:
            self.addition_times.build((None, None))
            self.addition_embedding.build((None, config.projection_width))
        if self.token_projection is not None:
            self.token_projection.build((None, None, config.token_width))
        self._build_stages((None, None, config.context_width))

    def call(self, inputs: Any, training: bool | None = None) -> Any:  # [(B, H, W, C), (B,), (B, S, context_width)]
        """Return the prediction."""
        given = self.named(inputs)
        sample, times = self._prepared(given)
        embedding = self._embed(given, times)  # (B, time_width)
        context = ops.cast(given["encoder_hidden_states"], self.compute_dtype)
        if self.token_projection is not None:
            context = self.token_projection(context)
        x = self._through(sample, embedding, context, given.get("encoder_attention_mask"), training)
        return self.conv_out(keras.activations.get(self.config.activation)(x))

    def _embed(self, given: dict[str, Any], times: Any) -> Any:
        config = self.config
        embedding = self.time_embedding(self.times(times), given.get("timestep_cond"))
        if config.labelled:
            labels = self._embedded_labels(given["class_labels"])
            embedding = ops.concatenate([embedding, labels], axis=-1) if config.class_beside else embedding + labels
        if config.addition is not None:
            features = self.addition_times(given["time_ids"])  # (B, 6, addition_width)
            features = ops.reshape(features, (-1, features.shape[1] * features.shape[2]))
            text = ops.cast(given["text_embeds"], features.dtype)
            embedding = embedding + self.addition_embedding(ops.concatenate([text, features], axis=-1))
        return self.time_activation(embedding)


def _at(value: Any, level: int) -> Any:
    """Return a level's value, where one stands for all or there is one for each."""
    return value[level] if isinstance(value, tuple) else value


def unet_2d_condition(
    variant: str | UNet2DConditionConfig = "stable_diffusion_1",
    *,
    input_shape: tuple[int | None, ...] | None = None,
    name: str = "unet_2d_condition",
    dtype: Any = None,
    **overrides: Any,
) -> UNet2DConditionModel:
    """Build a UNet2DConditionModel with fresh weights; ``kerasarch.from_pretrained`` builds one with public weights.

    Args:
        variant: A name in the table, or a config.
        input_shape: Height, width, channels of the latents; the channels replace those of the config, also of the
            prediction, the sizes are taken for ``sample_size``.
        name: Name of the model.
        dtype: Dtype policy; None for the global one.
        **overrides: Fields of the config to replace.

    Raises:
        UsageError: No such variant or field.
    """
    overrides = {**sizes(input_shape), **overrides}
    model = UNet2DConditionModel(choose(VARIANTS, variant, overrides), name=name, dtype=dtype)
    model.build()
    return model
