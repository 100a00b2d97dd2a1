"""UNet2DModel: the U-Net of DDPM, unconditional or conditioned on classes.

Papers: Ho et al., 2020, appendix B (https://arxiv.org/abs/2006.11239); the blocks that resample and those scaled by the
time are those of Song et al., 2020 (https://arxiv.org/abs/2011.13456), and Dhariwal & Nichol, 2021
(https://arxiv.org/abs/2105.05233). Weights: diffusers folders, see ``kerasarch.weights``.

Where we differ from diffusers: a height or width that cannot be halved often enough is rounded up on the way down, and
found again on the way up, as in its text-conditioned U-Net; diffusers fails there.
"""

import dataclasses
from typing import Any

import keras

from kerasarch.errors import UsageError
from kerasarch.layers import DiffusionAttention, DiffusionDownsample, DiffusionUpsample, TimestepEmbedding
from kerasarch.models.configured import as_config
from kerasarch.models.family import choose
from kerasarch.models.unet_base import DiffusionUNet, sizes
from kerasarch.models.unet_parts import DownStage, MiddleStage, UpStage

KINDS = ("plain", "attention", "resnet")
TIME_EMBEDDINGS = ("positional", "fourier", "learned")
CLASS_EMBEDDINGS = (None, "timestep", "identity")
RESAMPLINGS = ("convolution", "resnet")


@dataclasses.dataclass(frozen=True)
class UNet2DConfig:
    """Sizes and details, with diffusers' defaults.

    Attributes:
        channels: Channels of the samples that go in (``in_channels``).
        output_channels: Channels of the prediction (``out_channels``).
        sample_size: Pixels of the training pictures, one number or height and width; kept for the file, changes
            nothing.
        widths: Channels of each level (``block_out_channels``); each level but the last halves the size.
        depth: Residual blocks of a level on the way down, one more on the way up (``layers_per_block``).
        down: For each level ``"plain"`` (``DownBlock2D``), ``"attention"`` (``AttnDownBlock2D``) or ``"resnet"``
            (``ResnetDownsampleBlock2D``: halved by a residual block).
        up: The same in the order of the way up (``UpBlock2D``, ``AttnUpBlock2D``, ``ResnetUpsampleBlock2D``).
        downsample: How levels with attention are halved: by a ``"convolution"`` or a ``"resnet"`` block
            (``downsample_type``).
        upsample: The same for doubling (``upsample_type``).
        downsample_padding: ``"symmetric"`` or ``"end"`` (``downsample_padding`` 1 or 0).
        middle: Whether there are blocks at the bottom (``mid_block_type``).
        middle_attention: Attention between them (``add_attention``).
        middle_scale: What their sums are divided by (``mid_block_scale_factor``).
        attention_groups: Groups of the middle attention's normalisation (``attn_norm_num_groups``); None for ``groups``
            where the conditioning is ``"shift"``, and for no normalisation where it is ``"scale_shift"``.
        head_width: Channels of a head (``attention_head_dim``); None for a single head.
        groups: Groups of the other normalisations (``norm_num_groups``).
        epsilon: Added to their variance (``norm_eps``).
        activation: In the blocks (``act_fn``).
        dropout: Rate in the blocks.
        conditioning: How the embedding enters a block, ``"shift"`` or ``"scale_shift"`` (``resnet_time_scale_shift``).
        time_embedding: ``"positional"``, ``"fourier"`` or ``"learned"`` (``time_embedding_type``).
        time_width: Width of the embedding (``time_embedding_dim``); None for four times the first width.
        cosine_first: In positional embeddings (``flip_sin_to_cos``).
        frequency_shift: The same (``freq_shift``).
        times: How many times are learned (``num_train_timesteps``).
        class_embedding: What class labels are: None for whole numbers below ``classes``, ``"timestep"`` for numbers
            that are embedded as times, ``"identity"`` for vectors of the embedding's width (``class_embed_type``).
        classes: Number of classes (``num_class_embeds``); None for none.
        center: Bring samples from [0, 1] to [-1, 1] first (``center_input_sample``).
    """

    channels: int = 3
    output_channels: int = 3
    sample_size: int | tuple[int, int] | None = None
    widths: tuple[int, ...] = (224, 448, 672, 896)
    depth: int = 2
    down: tuple[str, ...] = ("plain", "attention", "attention", "attention")
    up: tuple[str, ...] = ("attention", "attention", "attention", "plain")
    downsample: str = "convolution"
    upsample: str = "convolution"
    downsample_padding: str = "symmetric"
    middle: bool = True
    middle_attention: bool = True
    middle_scale: float = 1.0
    attention_groups: int | None = None
    head_width: int | None = 8
    groups: int = 32
    epsilon: float = 1e-5
    activation: str = "silu"
    dropout: float = 0.0
    conditioning: str = "shift"
    time_embedding: str = "positional"
    time_width: int | None = None
    cosine_first: bool = True
    frequency_shift: float = 0
    times: int | None = None
    class_embedding: str | None = None
    classes: int | None = None
    center: bool = False

    @property
    def labelled(self) -> bool:
        """Whether class labels are expected."""
        return self.classes is not None or self.class_embedding is not None


_DDPM = UNet2DConfig(
    downsample_padding="end", head_width=None, epsilon=1e-6, cosine_first=False, frequency_shift=1, sample_size=32
)
# The config.json of google/ddpm-cifar10-32 and google/ddpm-celebahq-256; the last is ours, for pictures of 16 pixels
VARIANTS = {
    "ddpm_cifar10": dataclasses.replace(
        _DDPM,
        widths=(128, 256, 256, 256),
        down=("plain", "attention", "plain", "plain"),
        up=("plain", "plain", "attention", "plain"),
    ),
    "ddpm_celebahq": dataclasses.replace(
        _DDPM,
        widths=(128, 128, 256, 256, 512, 512),
        down=("plain", "plain", "plain", "plain", "attention", "plain"),
        up=("plain", "attention", "plain", "plain", "plain", "plain"),
        sample_size=256,
    ),
    "digits": UNet2DConfig(
        channels=1,
        output_channels=1,
        sample_size=16,
        widths=(32, 64, 64),
        depth=1,
        down=("plain", "attention", "plain"),
        up=("plain", "attention", "plain"),
        head_width=32,
        groups=8,
    ),
}


@keras.saving.register_keras_serializable(package="kerasarch")
class UNet2DModel(DiffusionUNet):
    """Noisy samples and times to a prediction of the noise, or of what the process makes of it.

    Residual blocks with attention at some levels, halved on the way down and doubled on the way up: Ho et al., 2020,
    appendix B (https://arxiv.org/abs/2006.11239). Called on ``[sample, timestep]``, with ``class_labels`` third where
    the config has classes, or on a dictionary of these names.

    Args:
        config: The config, or its fields as a dictionary.
        **kwargs: Passed to ``keras.Model``.

    Shapes:
        Samples ``(B, H, W, C)``, times ``(B,)``, whole or not, labels ``(B,)``; the prediction has the samples' size
        and ``output_channels``.

    Raises:
        UsageError: The config contradicts itself, or an input is missing.
        ShapeError: The samples have other channels.
    """

    family = "unet_2d"

    def __init__(self, config: UNet2DConfig | dict[str, Any], **kwargs: Any):
        config = as_config(UNet2DConfig, config)
        super().__init__(config, **kwargs)
        self._refuse()
        if config.labelled:
            self.input_names_in_order = ("sample", "timestep", "class_labels")
        self.times = self._time_features()
        self.time_embedding = self._embedding("time_embedding")
        self.class_embedding = self._class_embedding()
        self.conv_in = self._conv(config.widths[0], "conv_in")
        self.down = [self._down(level) for level in range(len(config.widths))]
        self.middle = self._middle() if config.middle else None
        self.up = [self._up(level) for level in range(len(config.widths))]
        self.norm_out = self._norm_out()
        self.conv_out = self._conv(config.output_channels, "conv_out")

    def _refuse(self) -> None:
        config = self.config
        known = {
            "conditioning": ("shift", "scale_shift"),
            "time_embedding": TIME_EMBEDDINGS,
            "class_embedding": CLASS_EMBEDDINGS,
            "downsample": RESAMPLINGS,
            "upsample": RESAMPLINGS,
        }
        for name, values in known.items():
            if getattr(config, name) not in values:
                raise UsageError(f"{self.name}: {name} must be one of {values}. Received {getattr(config, name)!r}.")
        wrong = sorted({*config.down, *config.up} - set(KINDS))
        if wrong:
            raise UsageError(f"{self.name}: down and up hold {', '.join(KINDS)}. Received {', '.join(wrong)}.")
        if config.time_embedding == "learned" and not config.times:
            raise UsageError(f"{self.name}: learned times need their number, times=. Received {config.times}.")

    def _embedding(self, name: str) -> TimestepEmbedding:
        return TimestepEmbedding(self.time_width, dtype=self.dtype_policy, name=name)

    def _class_embedding(self) -> keras.layers.Layer | None:
        config = self.config
        if config.class_embedding == "timestep":
            return self._embedding("class_embedding")
        if config.class_embedding is None and config.classes is not None:
            return self._classes(config.classes, self.time_width, "class_embedding")
        return None

    def _attention(self, name: str, **changes: Any) -> DiffusionAttention:
        config = self.config
        return DiffusionAttention(
            name=name,
            **{
                "groups": config.groups,
                "head_width": config.head_width,
                "epsilon": config.epsilon,
                **self.common,
                **changes,
            },
        )

    def _parts(self, kind: str, width: int, depth: int) -> dict[str, Any]:
        blocks = [self._block(width, f"block{index}") for index in range(depth)]
        attentions = [self._attention(f"attention{index}") for index in range(depth)] if kind == "attention" else []
        return {"blocks": blocks, "attentions": attentions, "axis": self.axis, "dtype": self.dtype_policy}

    def _down(self, level: int) -> DownStage:
        config = self.config
        width, kind = config.widths[level], config.down[level]
        resample: keras.layers.Layer | None = None
        if level < len(config.widths) - 1:
            if kind == "resnet" or (kind == "attention" and config.downsample == "resnet"):
                resample = self._block(width, "resample", resampling="down")
            else:
                resample = DiffusionDownsample(width, padding=config.downsample_padding, name="resample", **self.common)
        return DownStage(**self._parts(kind, width, config.depth), resample=resample, name=f"down{level}")

    def _middle(self) -> MiddleStage:
        config = self.config
        width, scale = config.widths[-1], config.middle_scale
        groups = config.attention_groups or (config.groups if config.conditioning == "shift" else None)
        attentions = [self._attention("attention0", groups=groups, output_scale=scale)]
        return MiddleStage(
            [self._block(width, f"block{index}", output_scale=scale) for index in range(2)],
            attentions if config.middle_attention else [],
            axis=self.axis,
            dtype=self.dtype_policy,
            name="middle",
        )

    def _up(self, level: int) -> UpStage:
        config = self.config
        width, kind = config.widths[::-1][level], config.up[level]
        resample: keras.layers.Layer | None = None
        if level < len(config.widths) - 1:
            if kind == "resnet" or (kind == "attention" and config.upsample == "resnet"):
                resample = self._block(width, "resample", resampling="up")
            else:
                resample = DiffusionUpsample(width, name="resample", **self.common)
        return UpStage(**self._parts(kind, width, config.depth + 1), resample=resample, name=f"up{level}")

    def build(self, input_shape: Any = None) -> None:
        """Build the children; only the channels of the samples matter, and the config knows them."""
        self._check(input_shape)
        self.times.build((None,))
        features = self.times.compute_output_shape((None,))
        self.time_embedding.build(features)
        if self.class_embedding is not None:
            self.class_embedding.build(features if self.config.class_embedding == "timestep" else (None,))
        self._build_stages()

    def call(self, inputs: Any, training: bool | None = None) -> Any:  # [(B, H, W, C), (B,)]
        """Return the prediction."""
        given = self.named(inputs)
        sample, times = self._prepared(given)
        embedding = self.time_embedding(self._features(times))  # (B, time_width)
        if self.config.labelled:
            embedding = embedding + self._embedded_labels(given["class_labels"])
        x = self._through(sample, embedding, None, None, training)
        x = self.conv_out(keras.activations.silu(x))
        if self.config.time_embedding == "fourier":
            x = x / keras.ops.cast(keras.ops.reshape(times, (-1, 1, 1, 1)), x.dtype)
        return x

    def _features(self, times: Any) -> Any:
        learned = self.config.time_embedding == "learned"
        return self.times(keras.ops.cast(times, "int32") if learned else times)


def unet_2d(
    variant: str | UNet2DConfig = "digits",
    *,
    input_shape: tuple[int | None, ...] | None = None,
    name: str = "unet_2d",
    dtype: Any = None,
    **overrides: Any,
) -> UNet2DModel:
    """Build a UNet2DModel with fresh weights; ``kerasarch.from_pretrained`` builds one with public weights.

    Args:
        variant: A name in the table, or a config.
        input_shape: Height, width, channels; the channels replace those of the config, also of the prediction, the
            sizes are taken for ``sample_size``.
        name: Name of the model.
        dtype: Dtype policy; None for the global one.
        **overrides: Fields of the config to replace.

    Raises:
        UsageError: No such variant or field.
    """
    overrides = {**sizes(input_shape), **overrides}
    model = UNet2DModel(choose(VARIANTS, variant, overrides), name=name, dtype=dtype)
    model.build()
    return model
