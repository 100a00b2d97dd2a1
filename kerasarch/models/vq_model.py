"""VQModel: the vector-quantised autoencoder of latent diffusion, and with spatial normalisation that of Kandinsky.

Papers: Esser et al., 2020, VQGAN (https://arxiv.org/abs/2012.09841); Zheng et al., 2022, MoVQ, for the spatial
normalisation (https://arxiv.org/abs/2209.09002). Weights: diffusers folders, see ``kerasarch.weights``.

Where we differ from diffusers: ``force_upcast`` is not a field (see ``kerasarch.models.autoencoder_kl``).
"""

import dataclasses
from typing import Any

import keras

from kerasarch.errors import UsageError
from kerasarch.layers import VectorQuantizer
from kerasarch.models.configured import as_config, picture_shape
from kerasarch.models.diffusion_coders import DiffusionAutoencoder, DiffusionDecoder, DiffusionEncoder
from kerasarch.models.family import choose


@dataclasses.dataclass(frozen=True)
class VQModelConfig:
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
        latent: Channels that encoder and decoder see (``latent_channels``).
        codes: Size of the codebook (``num_vq_embeddings``).
        code_width: Length of its vectors (``vq_embed_dim``); None for ``latent``.
        groups: Groups of the normalisations (``norm_num_groups``).
        spatial: Whether the quantised map scales and shifts the decoder's normalisations (``norm_type="spatial"``).
        lookup: Whether ``decode`` of maps that are not to be quantised takes code numbers (``lookup_from_codebook``).
        sample_size: Pixels of the training pictures; kept for the file, changes nothing.
        scaling_factor: What latents are multiplied with for the diffusion model.
    """

    channels: int = 3
    output_channels: int = 3
    widths: tuple[int, ...] = (64,)
    depth: int = 1
    encoder_attention: tuple[bool, ...] = ()
    decoder_attention: tuple[bool, ...] = ()
    middle_attention: bool = True
    activation: str = "silu"
    latent: int = 3
    codes: int = 256
    code_width: int | None = None
    groups: int = 32
    spatial: bool = False
    lookup: bool = False
    sample_size: int = 32
    scaling_factor: float = 0.18215


# The config.json of CompVis/ldm-celebahq-256 (vqvae) and kandinsky-community/kandinsky-2-2-decoder (movq)
VARIANTS = {
    "latent_diffusion_vq": VQModelConfig(widths=(128, 256, 512), depth=2, codes=8192, code_width=3, sample_size=256),
    "kandinsky_movq": VQModelConfig(
        widths=(128, 256, 256, 512),
        depth=2,
        encoder_attention=(False, False, False, True),
        decoder_attention=(True, False, False, False),
        latent=4,
        codes=16384,
        code_width=4,
        spatial=True,
    ),
}


@keras.saving.register_keras_serializable(package="kerasarch")
class VQModel(DiffusionAutoencoder):
    """Pictures to maps of code vectors, and back.

    ``decode(encode(x))``, where ``decode`` replaces each vector by the nearest of the codebook: Esser et al., 2020,
    eq. 2 and 3 (https://arxiv.org/abs/2012.09841). Called on pictures, the model returns their reconstruction.

    Args:
        config: The config, or its fields as a dictionary.
        **kwargs: Passed to ``keras.Model``.

    Shapes:
        Pictures ``(B, H, W, C)`` in [-1, 1], latents ``(B, h, w, code_width)``, codes ``(B, h, w)``; h from H by one
        ``floor(H / 2)`` for each level but the last.

    Raises:
        UsageError: The config contradicts itself.
    """

    family = "vq_model"

    def __init__(self, config: VQModelConfig | dict[str, Any], **kwargs: Any):
        config = as_config(VQModelConfig, config)
        super().__init__(config, **kwargs)
        none = (False,) * len(config.widths)
        shared = self.shared
        if config.spatial and config.code_width not in (None, config.latent):
            raise UsageError(
                f"{self.name}: spatial normalisation expects code_width to equal latent, as diffusers does. Received "
                f"code_width={config.code_width}, latent={config.latent}."
            )
        self.encoder = DiffusionEncoder(
            config.latent, attention=config.encoder_attention or none, name="encoder", **shared
        )
        self.quantise = self._pointwise(self.code_width, "quantise")
        # Commitment 1 and codebook 0.25, not the reverse: diffusers keeps a mistake of VQGAN's first code for its
        # checkpoints' sake.
        self.quantizer = VectorQuantizer(
            config.codes,
            commitment=1.0,
            codebook_weight=0.25,
            decay=None,
            axis=self.axis,
            dtype=self.dtype_policy,
            name="quantizer",
        )
        self.dequantise = self._pointwise(config.latent, "dequantise")
        self.decoder = DiffusionDecoder(
            config.output_channels,
            attention=config.decoder_attention or none,
            spatial=config.spatial,
            name="decoder",
            **shared,
        )

    @property
    def code_width(self) -> int:
        """Length of the codebook's vectors."""
        return self.config.latent if self.config.code_width is None else self.config.code_width

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Build encoder, codebook and decoder for pictures of this shape."""
        shape = input_shape
        for layer in (self.encoder, self.quantise, self.quantizer):
            layer.build(shape)
            shape = layer.compute_output_shape(shape)
        self.dequantise.build(shape)
        self.decoder.build(self.dequantise.compute_output_shape(shape), shape if self.config.spatial else None)

    def encode(self, pixel_values: Any) -> Any:  # (B, H, W, C)
        """Return the latent maps of pictures, not yet quantised: ``(B, h, w, code_width)``."""
        return self.quantise(self.encoder(pixel_values))

    def codes(self, pixel_values: Any) -> Any:  # (B, H, W, C)
        """Return the code numbers of pictures: ``(B, h, w)``, int32."""
        return self.quantizer.nearest(self.encode(pixel_values))

    def decode(self, latents: Any, *, quantise: bool = True, training: bool | None = None) -> Any:
        """Return the pictures of latent maps.

        Args:
            latents: ``(B, h, w, code_width)``; where ``quantise`` is False and the config says ``lookup``, code numbers
                ``(B, h, w)``.
            quantise: Whether to replace each vector by the nearest code (the opposite of ``force_not_quantize``).
            training: Whether this is training.
        """
        if quantise:
            latents = self.quantizer(latents, training=training)
        elif self.config.lookup:
            latents = self.quantizer.lookup(latents)
        return self._paint(latents)

    def decode_codes(self, codes: Any) -> Any:  # (B, h, w)
        """Return the pictures of code numbers."""
        return self._paint(self.quantizer.lookup(codes))

    def _paint(self, latents: Any) -> Any:
        x = self.dequantise(latents)
        return self.decoder(x, latents) if self.config.spatial else self.decoder(x)

    def call(self, pixel_values: Any, training: bool | None = None) -> Any:  # (B, H, W, C)
        """Return the reconstruction of pictures; the codebook's losses are added to the model's."""
        if isinstance(pixel_values, dict):
            pixel_values = pixel_values["pixel_values"]
        return self.decode(self.encode(pixel_values), training=training)

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """Return the shape of the reconstruction."""
        return self.decoder.compute_output_shape(self.encoder.compute_output_shape(input_shape))


def vq_model(
    variant: str | VQModelConfig = "latent_diffusion_vq",
    *,
    input_shape: tuple[int | None, ...] | None = None,
    name: str = "vq_model",
    dtype: Any = None,
    **overrides: Any,
) -> VQModel:
    """Build a VQModel with fresh weights; ``kerasarch.from_pretrained`` builds one with public weights.

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
    model = VQModel(config, name=name, dtype=dtype)
    model.build(picture_shape(input_shape or (None, None, config.channels)))
    return model
