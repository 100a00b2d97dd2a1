"""Pictures of texts, from pictures, and into holes of pictures."""

from collections.abc import Callable, Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

from kerasarch.errors import ShapeError, UsageError
from kerasarch.generation.denoise import DenoisingStep, denoise
from kerasarch.generation.scheduler_config import read_scheduler
from kerasarch.models.stable_diffusion import StableDiffusion

Watch = Callable[[int, np.ndarray, np.ndarray], Any]


class TextToImage:
    """Draws with the parts of Stable Diffusion; what is compiled for one call serves the next.

    Rombach et al., 2021, section 3.3 (https://arxiv.org/abs/2112.10752), with classifier-free guidance (Ho and
    Salimans, 2022, https://arxiv.org/abs/2207.12598). From pictures: noise is added, and part of the steps are taken
    (Meng et al., 2021, https://arxiv.org/abs/2108.01073). Into holes: U-Nets with channels for them are told what
    stays; with others what stays is put back after each step (Lugmayr et al., 2022, eq. 8, without its resampling,
    https://arxiv.org/abs/2201.09865).

    Args:
        model: The parts.
    """

    def __init__(self, model: StableDiffusion):
        self.model = model
        self._steps: dict[bool, DenoisingStep] = {}

    def __call__(self, prompts: str | Sequence[str], **options: Any) -> np.ndarray:
        """Return pictures of prompts, ``(B, H, W, C)`` uint8.

        Args:
            prompts: One or several; each makes a picture.
            **options: As for `latents`.
        """
        return as_bytes(self.model.decode_latents(self.latents(prompts, **options)))

    def latents(
        self,
        prompts: str | Sequence[str],
        *,
        negative: str | Sequence[str] | None = None,
        steps: int = 50,
        guidance: float = 7.5,
        rescale: float = 0.0,
        seed: int = 0,
        first: int = 0,
        size: tuple[int, int] | None = None,
        noise: Any = None,
        sampler: str | None = None,
        eta: float | None = None,
        pictures: Any = None,
        mask: Any = None,
        strength: float | None = None,
        watch: Watch | None = None,
    ) -> np.ndarray:
        """Return the latents of pictures.

        Args:
            prompts: One or several; each makes a picture.
            negative: What to keep away from, one for all or one each.
            steps: Steps of the sampler.
            guidance: Weight of the prompt; 1 is none, and the negative prompt has no part then.
            rescale: 0 to 1: how much of the growth in contrast by guidance is taken back.
            seed: Of all noise; picture i gets the same noise among however many.
            first: Number of the first picture: those of several calls differ.
            size: Height and width; None for those the U-Net was trained with, or of ``pictures``.
            noise: The first noise, in the shape of the latents, in the place of what the seed gives.
            sampler: A name in ``SAMPLERS``; None for the folder's own.
            eta: Noise that DDIM adds.
            pictures: To begin from, or with holes; ``(B, H, W, C)``, uint8 or floats from 0 to 1, one for all or one
                each.
            mask: ``(H, W)``, ``(H, W, 1)`` or a batch of them, above a half where to draw.
            strength: Share of the steps that is taken from pictures; None for 0.8, or for all with a mask.
            watch: Called after each step with its number, the latents and the estimate of the clean ones.

        Raises:
            UsageError: Arguments do not go together.
            ShapeError: A size, a mask or pictures do not fit.
        """
        model = self.model
        prompts = [prompts] if isinstance(prompts, str) else list(prompts)
        count = len(prompts)
        if strength is None:
            strength = 0.8 if mask is None and pictures is not None else 1.0
        _check(model, pictures, mask, strength)
        pictures = None if pictures is None else _repeated(np.asarray(pictures), count, "pictures")
        size = size or (model.size if pictures is None else tuple(pictures.shape[1:3]))
        shape = model.latent_shape(count, size)
        if pictures is not None and tuple(pictures.shape[1:3]) != tuple(size):
            raise ShapeError(f"The pictures have the size {pictures.shape[1:3]}. Expected {tuple(size)}: resize them.")
        known = None if pictures is None else model.encode_pictures(pictures)
        hole = None if mask is None else _repeated(_as_mask(mask, size), count, "mask")  # (B, H, W, 1)
        spots = None if hole is None else self._spots(hole)
        beside = [] if pictures is None or hole is None or not model.extra else [self._beside(pictures, hole)]
        guided = guidance != 1.0
        unconditional = self._negative(negative, count, size) if guided else []
        plan = read_scheduler(model.scheduler, sampler=sampler).plan(steps, share=strength, eta=eta)
        filled = (
            model.extra and not plan.partial
        )  # the network sees what stays: nothing is put back, nothing begun from
        return denoise(
            self._step(guided),
            plan,
            shape,
            seed=seed,
            first=first,
            noise=noise,
            conditions=[*beside, *model.conditions(prompts, count, size)],
            unconditional=[*beside, *unconditional] if guided else [],
            guidance=guidance,
            rescale=rescale,
            known=None if filled else known,
            mask=None if model.extra else spots,
            watch=watch,
        )

    def _negative(self, negative: str | Sequence[str] | None, count: int, size: tuple[int, int]) -> list[np.ndarray]:
        if negative is None:
            return self.model.conditions(None, count, size)
        texts = [negative] * count if isinstance(negative, str) else list(negative)
        if len(texts) != count:
            raise UsageError(f"One negative prompt for all or one each. Received {len(texts)} for {count} prompts.")
        return self.model.conditions(texts, count, size)

    def _step(self, guided: bool) -> DenoisingStep:
        if guided not in self._steps:
            network = Beside(self.model.unet, self.model.axis) if self.model.extra else self.model.unet
            self._steps[guided] = DenoisingStep(network, guided=guided)
        return self._steps[guided]

    def _spots(self, hole: np.ndarray) -> np.ndarray:
        """Return the mask at the size of the latents, in their layout: of each square the first pixel."""
        factor = self.model.factor
        spots = hole[:, ::factor, ::factor]
        return np.moveaxis(spots, -1, 1) if self.model.axis == 1 else spots

    def _beside(self, pictures: np.ndarray, hole: np.ndarray) -> np.ndarray:
        """Return mask and latents of the pictures with grey holes, behind one another on the channels."""
        unit = pictures.astype("float32") / 255 if pictures.dtype == np.uint8 else pictures
        seen = self.model.encode_pictures(np.where(hole > 0, 0.5, unit))
        return np.concatenate([self._spots(hole), seen], axis=self.model.axis)


@keras.saving.register_keras_serializable(package="kerasarch")
class Beside(keras.Model):
    """A network whose samples have further channels that are not drawn.

    Args:
        network: Called as ``network([x, times, *conditions])``.
        axis: Axis of the channels.
        **kwargs: Passed to ``keras.Model``.

    Shapes:
        ``[x, times, further channels, *conditions]`` to what the network gives.
    """

    def __init__(self, network: keras.Model, axis: int = -1, **kwargs: Any):
        super().__init__(**{"dtype": "float32", **kwargs})  # times keep their precision
        self.network, self.axis = network, axis
        self.built = True

    def call(self, inputs: Sequence[Any]) -> Any:
        """Ask the network."""
        x, times, beside, *conditions = inputs
        return self.network([ops.concatenate([x, ops.cast(beside, x.dtype)], axis=self.axis), times, *conditions])

    def get_config(self) -> dict[str, Any]:
        """Return the arguments as plain values."""
        return {
            "name": self.name,
            "dtype": keras.dtype_policies.serialize(self.dtype_policy),
            "network": keras.saving.serialize_keras_object(self.network),
            "axis": self.axis,
        }

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Any = None) -> "Beside":
        """Build the network and the model around it."""
        network = keras.saving.deserialize_keras_object(config["network"], custom_objects=custom_objects)
        return cls(**{**config, "network": network})


def as_bytes(pictures: np.ndarray) -> np.ndarray:
    """Return pictures of floats from 0 to 1 as uint8."""
    return np.rint(np.clip(pictures, 0, 1) * 255).astype("uint8")


def _check(model: StableDiffusion, pictures: Any, mask: Any, strength: float) -> None:
    if not 0 < strength <= 1:
        raise UsageError(f"strength is a share of the steps, above 0 and at most 1. Received {strength}.")
    if mask is not None and pictures is None:
        raise UsageError("A mask needs pictures, whose other part stays.")
    if pictures is None and strength != 1:
        raise UsageError(f"strength={strength} needs pictures to begin from.")
    if model.extra and mask is None:
        raise UsageError("This U-Net fills in holes: it needs pictures and a mask. One without takes any prompt.")


def _as_mask(mask: Any, size: tuple[int, int]) -> np.ndarray:
    """Return ones where to draw and zeros elsewhere, ``(B, H, W, 1)`` float32."""
    mask = np.asarray(mask)
    whole = mask.dtype == np.uint8
    if mask.ndim == 2 or (mask.ndim == 3 and mask.shape[-1] == 1 and mask.shape[:2] == tuple(size)):
        mask = mask.reshape(1, *mask.shape[:2], 1)
    elif mask.ndim == 3:
        mask = mask[..., None]
    if mask.ndim != 4 or mask.shape[1:] != (*size, 1):
        raise ShapeError(
            f"The mask has the shape {mask.shape}. Expected the pictures' size, {tuple(size)}, one channel."
        )
    return (mask >= (128 if whole else 0.5)).astype("float32")


def _repeated(parts: np.ndarray, count: int, name: str) -> np.ndarray:
    if len(parts) not in (1, count):
        raise ShapeError(f"One of {name} for all prompts or one each. Received {len(parts)} for {count}.")
    return np.repeat(parts, count, axis=0) if len(parts) == 1 else parts
