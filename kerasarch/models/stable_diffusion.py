"""Stable Diffusion: the parts that together make pictures of texts.

Papers: Rombach et al., 2021 (https://arxiv.org/abs/2112.10752); with two text encoders and sizes as conditions Podell
et al., 2023 (https://arxiv.org/abs/2307.01952). Weights: folders of diffusers' pipelines, see ``kerasarch.weights``.
What draws with them is ``kerasarch.generation.TextToImage``.

Where we differ from diffusers: there is no safety checker, which judges pictures after they are made; a program that
shows pictures to strangers needs one of its own.
"""

import dataclasses
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any

import keras
import numpy as np

from kerasarch.errors import ShapeError, UsageError
from kerasarch.models.autoencoder_kl import AutoencoderKL
from kerasarch.models.clip_text import CLIPTextModel
from kerasarch.models.clip_tokenizer import CLIPTokenizer
from kerasarch.models.latent_maps import LatentDecoder, LatentEncoder


@dataclasses.dataclass(frozen=True, eq=False)
class StableDiffusion:
    """Tokenizers, text encoders, U-Net, autoencoder and what the folder says about sampling.

    Where the U-Net takes ``text_embeds`` (SDXL), it is conditioned on the last but one layer of each text encoder, on
    the last encoder's embedding of the whole text, and on sizes: Podell et al., 2023, section 2.1 and 2.2
    (https://arxiv.org/abs/2307.01952). Else on the text encoder's last layer.

    Attributes:
        tokenizers: One for each text encoder.
        text_encoders: One or two.
        unet: Called as ``unet([latents, times, embeddings])``, for SDXL with ``text_embeds`` and ``time_ids`` too.
        autoencoder: Between pictures and latents.
        scheduler: Contents of ``scheduler_config.json``.
        zeros_for_empty: Whether no negative prompt means zeros, instead of the empty text's embedding; SDXL's
            ``force_zeros_for_empty_prompt``.

    Raises:
        UsageError: The parts do not fit together.
    """

    tokenizers: tuple[CLIPTokenizer, ...]
    text_encoders: tuple[CLIPTextModel, ...]
    unet: keras.Model
    autoencoder: AutoencoderKL
    scheduler: Mapping[str, Any]
    zeros_for_empty: bool = False

    def __post_init__(self) -> None:
        if len(self.tokenizers) != len(self.text_encoders) or not self.text_encoders:
            raise UsageError(
                f"One tokenizer for each text encoder. Received {len(self.tokenizers)} and {len(self.text_encoders)}."
            )
        if self.pooled and not all(encoder.config.hidden_states for encoder in self.text_encoders):
            raise UsageError("This U-Net needs text encoders with hidden_states=True in their config.")
        if self.pooled and not self.text_encoders[-1].config.projected:
            raise UsageError("This U-Net needs a last text encoder with a projection: projected=True in its config.")
        if self.extra not in (0, 1 + self.latent):
            raise UsageError(
                f"The U-Net takes {self.unet.config.channels} channels. Expected those of the latents, "
                f"{self.latent}, or {1 + 2 * self.latent}, with a mask and masked latents."
            )

    @property
    def pooled(self) -> bool:
        """Whether the U-Net takes the embedding of the whole text, and sizes."""
        return "text_embeds" in self.unet.input_names_in_order

    @property
    def latent(self) -> int:
        """Channels of the latents."""
        return self.autoencoder.config.latent

    @property
    def extra(self) -> int:
        """Channels that the U-Net takes besides the latents: mask and masked latents of those made for filling in."""
        return self.unet.config.channels - self.latent

    @property
    def factor(self) -> int:
        """Pixels to a latent, on each side."""
        return 2 ** (len(self.autoencoder.config.widths) - 1)

    @property
    def axis(self) -> int:
        """Axis of the channels in latents."""
        return self.autoencoder.axis

    @property
    def size(self) -> tuple[int, int]:
        """Height and width of the pictures that the U-Net was trained with."""
        size = self.unet.config.sample_size or 64
        height, width = (size, size) if isinstance(size, int) else size
        return height * self.factor, width * self.factor

    @cached_property
    def _decoder(self) -> LatentDecoder:
        return LatentDecoder(self.autoencoder)

    @cached_property
    def _encoder(self) -> LatentEncoder:
        return LatentEncoder(self.autoencoder)

    def latent_shape(self, count: int, size: tuple[int, int]) -> tuple[int, int, int, int]:
        """Return the shape of the latents of so many pictures.

        Args:
            count: Pictures.
            size: Their height and width.

        Raises:
            ShapeError: The size is no multiple of the factor.
        """
        height, width = size
        if height % self.factor or width % self.factor or height < 1 or width < 1:
            raise ShapeError(f"Height and width must be multiples of {self.factor}. Received {height} x {width}.")
        spots = (height // self.factor, width // self.factor)
        return (count, self.latent, *spots) if self.axis == 1 else (count, *spots, self.latent)

    def encode_texts(self, texts: Sequence[str]) -> list[np.ndarray]:
        """Return what the U-Net is told of texts: ``(B, T, width)``, for SDXL also ``(B, projection)``.

        Args:
            texts: Each of them, also the empty one, is read as it is.
        """
        distinct = list(dict.fromkeys(texts))
        rows = [distinct.index(text) for text in texts]
        found = []
        for tokenizer, encoder in zip(self.tokenizers, self.text_encoders, strict=True):
            length = min(tokenizer.length, encoder.config.positions)
            outputs = encoder.predict_on_batch(tokenizer(distinct, length=length)["input_ids"])
            found.append((outputs["hidden_states"][-2] if self.pooled else outputs["last_hidden_state"], outputs))
        parts = [np.concatenate([np.asarray(state, "float32") for state, _ in found], axis=-1)]
        if self.pooled:
            parts.append(np.asarray(found[-1][1]["text_embeds"], "float32"))
        return [part[rows] for part in parts]

    def conditions(self, texts: Sequence[str] | None, count: int, size: tuple[int, int]) -> list[np.ndarray]:
        """Return all that the U-Net gets besides latents and times.

        Args:
            texts: As many as ``count``; None stands for no text.
            count: Pictures.
            size: Their height and width, which SDXL is told as the original and as the wanted size, without a crop.
        """
        parts = self.encode_texts(texts or [""])
        if texts is None:
            parts = [np.zeros_like(part) if self.zeros_for_empty else part for part in parts]
            parts = [np.repeat(part, count, axis=0) for part in parts]
        if self.pooled:
            parts.append(np.tile(np.array([*size, 0, 0, *size], "float32"), (count, 1)))
        return parts

    def encode_pictures(self, pictures: Any) -> np.ndarray:
        """Return the most probable latents of pictures, at the scale that the U-Net works on.

        Args:
            pictures: ``(B, H, W, C)``, uint8, or floats from 0 to 1.
        """
        pictures = np.asarray(pictures)
        unit = pictures.astype("float32") / 255 if pictures.dtype == np.uint8 else pictures.astype("float32")
        if unit.ndim != 4 or unit.shape[-1] != self.autoencoder.config.channels:
            raise ShapeError(
                f"Pictures are (count, height, width, {self.autoencoder.config.channels}). Received {unit.shape}."
            )
        self.latent_shape(len(unit), unit.shape[1:3])
        x = 2 * unit - 1
        return np.asarray(self._encoder.predict_on_batch(np.moveaxis(x, -1, 1) if self.axis == 1 else x), "float32")

    def decode_latents(self, latents: Any) -> np.ndarray:
        """Return the pictures of latents, ``(B, H, W, C)`` float32 from 0 to 1."""
        x = np.asarray(self._decoder.predict_on_batch(np.asarray(latents, "float32")), "float32")
        x = np.moveaxis(x, 1, -1) if self.axis == 1 else x
        return np.clip(x / 2 + 0.5, 0, 1)
