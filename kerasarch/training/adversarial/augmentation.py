"""Adaptive discriminator augmentation: differentiable transformations whose probability follows the overfitting."""

import math
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

from kerasarch.errors import ShapeError, UsageError
from kerasarch.training.adversarial import colors, warping

GROUPS = ("blit", "geometric", "color")


@keras.saving.register_keras_serializable(package="kerasarch")
class AdaptiveAugmentation(keras.layers.Layer):
    """Transforms what the discriminator sees, real and generated pictures alike, with an adapted probability ``p``.

    Karras et al., 2020, "Training Generative Adversarial Networks with Limited Data"
    (https://arxiv.org/abs/2006.06676). Each transformation of appendix B is applied to each picture with probability
    ``p`` of its own; as long as p stays below about 0.8 the generator does not learn them. ``r_t = E sign(D(x))``
    (eq. 1) over the real pictures of the last ``interval`` steps tells how far the discriminator overfits: above the
    target p grows, below it p falls, by so much that it gets from 0 to 1 within ``images`` pictures.

    The strengths are those of the authors' code, for pixels in [-1, 1]. ``blit``: horizontal flips, quarter turns,
    whole-pixel translations by up to 1/8; ``geometric``: scaling, rotation, stretching, translation; ``color``:
    brightness, contrast, luma flip, and for three channels hue and saturation. Their image-space filters and
    corruptions are left out: section 3.1 finds them of no use. Blits copy pixels, whereas the authors' code folds them
    into the one filtered warp.

    Args:
        groups: Which transformations, from ``"blit"``, ``"geometric"`` and ``"color"``.
        probability: p at the beginning, and throughout where ``target`` is None.
        target: The r_t to be held; None leaves p as it is.
        interval: Steps between two changes of p.
        images: Real pictures within which p could go from 0 to 1.
        seed: Of the held seed generator.
        **kwargs: Passed to ``keras.layers.Layer``.

    Shapes:
        ``(B, H, W, C) -> (B, H, W, C)``, C 1 or 3, the channels second where Keras' image data format says so.

    Raises:
        UsageError: A group is unknown, or a probability outside 0 to 1.
        ShapeError: The pictures have neither one channel nor three.
    """

    def __init__(
        self,
        groups: Sequence[str] = GROUPS,
        *,
        probability: float = 0.0,
        target: float | None = 0.6,
        interval: int = 4,
        images: int = 500_000,
        seed: int | None = None,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        unknown = [group for group in groups if group not in GROUPS]
        if unknown or not groups:
            raise UsageError(f"Received groups {list(groups)}. Expected one or more of {', '.join(GROUPS)}.")
        if not 0 <= probability <= 1 or interval < 1 or images < 1:
            raise UsageError(
                f"Received probability={probability}, interval={interval}, images={images}. Expected a "
                "probability from 0 to 1, and positive counts."
            )
        self.groups, self.start, self.target = tuple(groups), probability, target
        self.interval, self.images, self.seed = interval, images, seed
        self.data_format = keras.config.image_data_format()
        self.random = keras.random.SeedGenerator(seed)
        self.probability = self._state("probability", probability)
        self.steps, self.signs, self.seen = (self._state(name) for name in ("steps", "signs", "seen"))
        self.overfitting = self._state("overfitting")
        self.built = True

    def _state(self, name: str, value: float = 0.0) -> Any:
        return self.add_weight(
            shape=(), initializer=keras.initializers.Constant(value), trainable=False, dtype="float32", name=name
        )

    def call(self, images: Any) -> Any:  # (B, H, W, C)
        """Transform pictures at random, whether in training or not: the discriminator must never see others."""
        first = self.data_format == "channels_first"
        if first:
            images = ops.transpose(images, (0, 2, 3, 1))
        if len(images.shape) != 4 or images.shape[-1] not in (1, 3):
            raise ShapeError(f"{self.name}: pictures must have 1 or 3 channels. Received shape {tuple(images.shape)}.")
        count = ops.shape(images)[0]
        if "blit" in self.groups:
            images = warping.blit(images, self._blits(count, images.shape[1], images.shape[2]))
        if "geometric" in self.groups:
            images = warping.warp(images, self._geometry(count, images.shape[1], images.shape[2]))
        if "color" in self.groups:
            images = colors.recolor(images, self._colors(count, images.shape[-1]))
        return ops.transpose(images, (0, 3, 1, 2)) if first else images

    def _chosen(self, values: Any, neutral: float, probability: Any = None) -> Any:
        """Take a value with the probability, the neutral one else."""
        probability = self.probability.value if probability is None else probability
        return ops.where(self._uniform(ops.shape(values)[0]) < ops.cast(probability, "float32"), values, neutral)

    def _uniform(self, count: Any, low: float = 0.0, high: float = 1.0) -> Any:
        return keras.random.uniform((count,), low, high, dtype="float32", seed=self.random)

    def _normal(self, count: Any, deviation: float) -> Any:
        return keras.random.normal((count,), 0.0, deviation, dtype="float32", seed=self.random)

    def _powers(self, count: Any, deviation: float) -> Any:
        """Log-normal factors, ``2^n`` with a normal n."""
        return ops.exp(math.log(2) * self._normal(count, deviation))

    def _blits(self, count: Any, height: int, width: int) -> Any:
        flip = self._chosen(ops.floor(self._uniform(count, 0, 2)), 0.0)
        turns = self._chosen(ops.floor(self._uniform(count, 0, 4)), 0.0)
        dx, dy = (self._chosen(ops.round(self._uniform(count, -0.125, 0.125) * size), 0.0) for size in (width, height))
        inverse = warping.scaling(1 - 2 * flip, ops.ones_like(flip))
        inverse = ops.matmul(inverse, warping.rotation(turns * (math.pi / 2)))
        return ops.matmul(inverse, warping.translation(-dx, -dy))

    def _geometry(self, count: Any, height: int, width: int) -> Any:
        # Two rotations, so each is rarer: then a picture is turned at all with probability p.
        rotated = 1 - ops.sqrt(ops.clip(1 - ops.cast(self.probability.value, "float32"), 0, 1))
        scale = self._chosen(self._powers(count, 0.2), 1.0)
        inverse = warping.scaling(1 / scale, 1 / scale)
        inverse = ops.matmul(inverse, warping.rotation(self._angle(count, rotated)))
        stretch = self._chosen(self._powers(count, 0.2), 1.0)
        inverse = ops.matmul(inverse, warping.scaling(1 / stretch, stretch))
        inverse = ops.matmul(inverse, warping.rotation(self._angle(count, rotated)))
        chosen = self._chosen(ops.ones((count,), "float32"), 0.0)
        dx, dy = (chosen * self._normal(count, 0.125) * size for size in (width, height))
        return ops.matmul(inverse, warping.translation(-dx, -dy))

    def _angle(self, count: Any, probability: Any = None) -> Any:
        return self._chosen(self._uniform(count, -math.pi, math.pi), 0.0, probability)

    def _colors(self, count: Any, channels: int) -> Any:
        matrices = colors.brightness(self._chosen(self._normal(count, 0.2), 0.0))
        matrices = ops.matmul(colors.contrast(self._chosen(self._powers(count, 0.5), 1.0)), matrices)
        flip = self._chosen(ops.floor(self._uniform(count, 0, 2)), 0.0)
        matrices = ops.matmul(colors.luma_flip(flip), matrices)
        if channels == 1:
            return matrices
        matrices = ops.matmul(colors.hue(self._angle(count)), matrices)
        return ops.matmul(colors.saturation(self._chosen(self._powers(count, 1.0), 1.0)), matrices)

    def observe(self, real_scores: Any) -> None:
        """Count the signs of the scores of real pictures in training; after each ``interval`` steps, move p.

        Args:
            real_scores: What the discriminator said of (transformed) real pictures.
        """
        scores = ops.stop_gradient(ops.cast(real_scores, "float32"))
        signs = self.signs + ops.sum(ops.sign(scores))
        seen = self.seen + float(np.prod(scores.shape[1:])) * ops.cast(ops.shape(scores)[0], "float32")
        steps = self.steps + 1
        due = steps >= self.interval
        self.overfitting.assign(ops.where(due, signs / ops.maximum(seen, 1), self.overfitting.value))
        if self.target is not None:
            pictures = self.interval * ops.cast(ops.shape(scores)[0], "float32")
            change = ops.sign(self.overfitting - self.target) * pictures / self.images
            self.probability.assign(ops.clip(self.probability + ops.where(due, change, 0.0), 0.0, 1.0))
        for variable, value in ((self.signs, signs), (self.seen, seen), (self.steps, steps)):
            variable.assign(ops.where(due, 0.0, value))

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """Return the shape of the output, without computing it."""
        return input_shape

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make the layer again."""
        return {
            **super().get_config(),
            "groups": list(self.groups),
            "probability": self.start,
            "target": self.target,
            "interval": self.interval,
            "images": self.images,
            "seed": self.seed,
        }
