"""Bands and stretches of time that are blotted out of spectrograms in training."""

from typing import Any

import keras
from keras import ops

from kerasarch.errors import UsageError


@keras.saving.register_keras_serializable(package="kerasarch")
class SpectrogramMasking(keras.layers.Layer):
    """Some bands and some stretches of frames set to zero, in training: SpecAugment without its warping of time.

    Each of the ``bands_masks`` covers f neighbouring bands, f from 0 to ``bands``; each of the ``frames_masks`` covers
    t neighbouring frames, t from 0 to ``frames``, but at most ``share`` of those that the recording has: Park et al.,
    2019, section 2 (https://arxiv.org/abs/1904.08779). Zero is the mean where recordings are brought to mean 0.

    Args:
        bands: Bands that a mask covers, at most.
        frames: Frames that a mask covers, at most.
        bands_masks: Masks of bands for each recording.
        frames_masks: Masks of frames for each recording.
        share: Part of a recording's frames that a mask covers, at most.
        seed: Of the draws.
        **kwargs: Passed to ``keras.layers.Layer``.

    Shapes:
        B batch, T frames: ``(B, T, bands) -> (B, T, bands)``. ``there (B, T)`` is true for the frames of each
        recording.

    Raises:
        UsageError: An argument is out of its range.
    """

    def __init__(
        self,
        bands: int = 8,
        frames: int = 10,
        *,
        bands_masks: int = 2,
        frames_masks: int = 2,
        share: float = 0.2,
        seed: int | None = None,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        if min(bands, frames, bands_masks, frames_masks) < 0 or not 0 <= share <= 1:
            raise UsageError(
                f"{self.name}: bands, frames and numbers of masks must be 0 or more, share from 0 to 1. Received "
                f"bands={bands}, frames={frames}, bands_masks={bands_masks}, frames_masks={frames_masks}, "
                f"share={share}."
            )
        self.bands, self.frames, self.bands_masks, self.frames_masks = bands, frames, bands_masks, frames_masks
        self.share, self.seed = share, seed
        self.draws = keras.random.SeedGenerator(seed)

    def call(self, x: Any, there: Any = None, training: bool | None = None) -> Any:  # (B, T, F), (B, T)
        """Blot out."""
        if not training:
            return x
        batch, length, width = ops.shape(x)
        there = ops.ones((batch, length)) if there is None else ops.cast(there, "float32")
        counts = ops.sum(there, axis=1, keepdims=True)  # (B, 1)
        kept = self._kept(batch, width, self.bands * ops.ones((batch, 1)), ops.cast(width, "float32"), self.bands_masks)
        longest = ops.minimum(float(self.frames), self.share * counts)
        steps = self._kept(batch, length, longest, counts, self.frames_masks)
        return x * ops.cast(kept[:, None, :] * steps[:, :, None], x.dtype)

    def _kept(self, batch: Any, size: Any, longest: Any, end: Any, masks: int) -> Any:
        """Return 0 where a mask covers and 1 elsewhere, ``(B, size)``; masks lie before the ends ``(B, 1)``."""
        if not masks:
            return ops.ones((batch, size))
        widths = ops.floor(keras.random.uniform((batch, masks), seed=self.draws) * (longest + 1))
        first = ops.floor(keras.random.uniform((batch, masks), seed=self.draws) * (end - widths + 1))
        places = ops.cast(ops.arange(size), "float32")[None, None, :]
        covered = (places >= first[..., None]) & (places < (first + widths)[..., None])
        return 1.0 - ops.cast(ops.any(covered, axis=1), "float32")

    def compute_output_shape(self, x_shape: tuple[int | None, ...], *_: Any) -> tuple[int | None, ...]:
        """Return the shape of the outputs, that of the inputs."""
        return tuple(x_shape)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make the layer again."""
        names = ("bands", "frames", "bands_masks", "frames_masks", "share", "seed")
        return {**super().get_config(), **{name: getattr(self, name) for name in names}}
