"""AutoencoderKL: the autoencoder of Stable Diffusion, to and from the latent maps that a diffusion model works on.

Paper: Rombach et al., 2021, section 3.1 and appendix G (https://arxiv.org/abs/2112.10752): a convolutional variational
autoencoder whose KL term has a tiny weight. Weights: diffusers folders, see ``kerasarch.weights``.

Where we differ from diffusers: there is neither tiling nor slicing, which trade exactness or speed for memory.
``force_upcast`` is not a field: it tells diffusers' pipelines to run this model in float32 although the rest runs in
half precision, while here the dtype policy that the model is made with says so (``dtype="float32"``).
"""

import dataclasses
from typing import Any

import keras
from keras import ops

from kerasarch.errors import UsageError
from kerasarch.models.configured import as_config, picture_shape
from kerasarch.models.diagonal_gaussian import DiagonalGaussian
from kerasarch.models.diffusion_coders import DiffusionAutoencoder, DiffusionDecoder, DiffusionEncoder
from kerasarch.models.family import choose


@dataclasses.dataclass(frozen=True)
class AutoencoderKLConfig:
    """Sizes and details, with diffusers' defaults.

    Attributes:
        channels: Channels of the pictures that go in (``in_channels``).
        output_channels: Channels of the pictures that come out (``out_channels``).
        widths: Channels of each level (``block_out_channels``); each level but the last halves the size.
        depth: Residual blocks of a level (``layers_per_block``).
        encoder_attention: For each level, whether it is an ``AttnDownEncoderBlock2D``; empty for none.
        decoder_attention: The same in the decoder's order, ``AttnUpDecoderBlock2D``; empty for none.
        middle_attention: Attention at the bottom (``mid_block_add_attention``).
        activation: In the blocks (``act_fn``).
        latent: Channels of the latent map (``latent_channels``).
        groups: Groups of the normalisations (``norm_num_groups``).
        quantise: 1x1 convolution behind the encoder (``use_quant_conv``).
        dequantise: 1x1 convolution before the decoder (``use_post_quant_conv``).
        sample_size: Pixels of the training pictures; kept for the file, changes nothing.
        scaling_factor: What latents are multiplied with for the diffusion model.
        shift_factor: What is subtracted before; None for nothing.
        latents_mean: Mean of each latent channel, in the place of ``shift_factor``.
        latents_std: Deviation of each latent channel, divided by.
    """

    channels: int = 3
    output_channels: int = 3
    widths: tuple[int, ...] = (64,)
    depth: int = 1
    encoder_attention: tuple[bool, ...] = ()
    decoder_attention: tuple[bool, ...] = ()
    middle_attention: bool = True
    activation: str = "silu"
    latent: int = 4
    groups: int = 32
    quantise: bool = True
    dequantise: bool = True
    sample_size: int = 32
    scaling_factor: float = 0.18215
    shift_factor: float | None = None
    latents_mean: tuple[float, ...] | None = None
    latents_std: tuple[float, ...] | None = None


_STABLE_DIFFUSION = AutoencoderKLConfig(widths=(128, 256, 512, 512), depth=2, sample_size=512)
# The config.json of the folders `vae` of these models' public repositories
VARIANTS = {
    "stable_diffusion": _STABLE_DIFFUSION,
    "stable_diffusion_xl": dataclasses.replace(_STABLE_DIFFUSION, scaling_factor=0.13025, sample_size=1024),
    "stable_diffusion_3": dataclasses.replace(
        _STABLE_DIFFUSION,
        latent=16,
        scaling_factor=1.5305,
        shift_factor=0.0609,
        quantise=False,
        dequantise=False,
        sample_size=1024,
    ),
    "flux": dataclasses.replace(
        _STABLE_DIFFUSION,
        latent=16,
        scaling_factor=0.3611,
        shift_factor=0.1159,
        quantise=False,
        dequantise=False,
        sample_size=1024,
    ),
}


@keras.saving.register_keras_serializable(package="kerasarch")
class AutoencoderKL(DiffusionAutoencoder):
    """Pictures to a Gaussian over latent maps, and back.

    ``decode(encode(x).sample(seed))``: Rombach et al., 2021 (https://arxiv.org/abs/2112.10752). Called on pictures, the
    model returns their reconstruction through the most probable latent map, as diffusers' does.

    Args:
        config: The config, or its fields as a dictionary.
        **kwargs: Passed to ``keras.Model``.

    Shapes:
        Pictures ``(B, H, W, C)`` in [-1, 1], latents ``(B, h, w, latent)``; h from H by one ``floor(H / 2)`` for each
        level but the last. Reconstructions have 2^(levels - 1) h rows: fewer than H where H cannot be halved so often.

    Raises:
        UsageError: The config contradicts itself.
    """

    family = "autoencoder_kl"

    def __init__(self, config: AutoencoderKLConfig | dict[str, Any], **kwargs: Any):
        config = as_config(AutoencoderKLConfig, config)
        super().__init__(config, **kwargs)
        none = (False,) * len(config.widths)
        shared = self.shared
        if (config.latents_mean is None) != (config.latents_std is None):
            raise UsageError(f"{self.name}: give both of latents_mean and latents_std, or none.")
        self.encoder = DiffusionEncoder(
            2 * config.latent, attention=config.encoder_attention or none, name="encoder", **shared
        )
        self.decoder = DiffusionDecoder(
            config.output_channels, attention=config.decoder_attention or none, name="decoder", **shared
        )
        self.quantise = self._pointwise(2 * config.latent, "quantise") if config.quantise else None
        self.dequantise = self._pointwise(config.latent, "dequantise") if config.dequantise else None

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Build encoder and decoder for pictures of this shape."""
        self.encoder.build(input_shape)
        shape = self.encoder.compute_output_shape(input_shape)
        if self.quantise is not None:
            self.quantise.build(shape)
        shape = self._latent_shape(shape)
        if self.dequantise is not None:
            self.dequantise.build(shape)
        self.decoder.build(shape)

    def _latent_shape(self, shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        latent = list(shape)
        latent[self.axis] = self.config.latent
        return tuple(latent)

    def encode(self, pixel_values: Any) -> DiagonalGaussian:  # (B, H, W, C)
        """Return the Gaussian over the latent maps of pictures."""
        moments = self.encoder(pixel_values)
        if self.quantise is not None:
            moments = self.quantise(moments)
        return DiagonalGaussian(moments, axis=self.axis)

    def decode(self, latents: Any) -> Any:  # (B, h, w, latent)
        """Return the pictures of latent maps."""
        if self.dequantise is not None:
            latents = self.dequantise(latents)
        return self.decoder(latents)

    def normalise(self, latents: Any) -> Any:
        """Bring latents to the unit variance that diffusion models work on.

        ``scaling_factor * (latents - shift_factor)``, or ``scaling_factor * (latents - latents_mean) / latents_std``.
        """
        shift, scale = self._statistics()
        return (latents - shift) * scale

    def denormalise(self, latents: Any) -> Any:
        """Bring the latents of a diffusion model back to those that ``decode`` takes, the inverse of ``normalise``."""
        shift, scale = self._statistics()
        return latents / scale + shift

    def rescale(self, scaling_factor: float) -> None:
        """Set what latents are multiplied with for a diffusion model, when the autoencoder is trained.

        Args:
            scaling_factor: One over the deviation of its latents: Rombach et al., 2021, appendix G.
        """
        self._config = (dataclasses.replace(self.config, scaling_factor=float(scaling_factor)),)

    def _statistics(self) -> tuple[Any, Any]:
        config = self.config
        if config.latents_mean is None or config.latents_std is None:
            return config.shift_factor or 0.0, config.scaling_factor
        shape = (1, -1, 1, 1) if self.axis == 1 else (1, 1, 1, -1)
        mean, std = (
            ops.reshape(ops.convert_to_tensor(numbers, "float32"), shape)
            for numbers in (config.latents_mean, config.latents_std)
        )
        return mean, config.scaling_factor / std

    def call(self, pixel_values: Any, training: bool | None = None) -> Any:  # (B, H, W, C)
        """Return the reconstruction of pictures through the most probable latent map."""
        if isinstance(pixel_values, dict):
            pixel_values = pixel_values["pixel_values"]
        return self.decode(self.encode(pixel_values).mode())

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """Return the shape of the reconstruction."""
        return self.decoder.compute_output_shape(self._latent_shape(self.encoder.compute_output_shape(input_shape)))


def autoencoder_kl(
    variant: str | AutoencoderKLConfig = "stable_diffusion",
    *,
    input_shape: tuple[int | None, ...] | None = None,
    name: str = "autoencoder_kl",
    dtype: Any = None,
    **overrides: Any,
) -> AutoencoderKL:
    """Build an AutoencoderKL with fresh weights; ``kerasarch.from_pretrained`` builds one with public weights.

    Args:
        variant: A name in the table, or a config.
        input_shape: Height, width, channels; None for pictures of any size.
        name: Name of the model.
        dtype: Dtype policy; None for the global one.
        **overrides: Fields of the config to replace.

    Raises:
        UsageError: No such variant or field.
    """
    config = choose(VARIANTS, variant, overrides)
    model = AutoencoderKL(config, name=name, dtype=dtype)
    model.build(picture_shape(input_shape or (None, None, config.channels)))
    return model
