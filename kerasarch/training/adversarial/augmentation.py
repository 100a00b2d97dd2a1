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
_UNIFORM, _NORMAL = 21, 7  # random numbers that a picture needs for all of them


@keras.saving.register_keras_serializable(package="kerasarch")
class AdaptiveAugmentation(keras.layers.Layer):
    """Transforms what the discriminator sees, real and generated pictures alike, with an adapted probability ``p``.

    Karras et al., 2020, "Training Generative Adversarial Networks with Limited Data"
    (https://arxiv.org/abs/2006.06676). Each transformation of appendix B is applied to each picture with probability
    ``p`` of its own; as long as p stays below about 0.8 the generator does not learn them. ``r_t = E sign(D(x))``
    (eq. 1) over the real pictures of the last ``interval`` steps tells how far the discriminator overfits: above the
    target p grows, below it p falls, by so much that it gets from 0 to 1 within ``images`` pictures. Their D gives
    logits; of other losses the score that says neither real nor generated is taken from D(x) first.

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
        draws = _Draws(ops.shape(images)[0], self.random, self.probability.value)
        if "blit" in self.groups:
            images = warping.blit(images, _blits(draws, images.shape[1], images.shape[2]))
        if "geometric" in self.groups:
            images = warping.warp(images, _geometry(draws, images.shape[1], images.shape[2]))
        if "color" in self.groups:
            images = colors.recolor(images, _colors(draws, images.shape[-1]))
        return ops.transpose(images, (0, 3, 1, 2)) if first else images

    def observe(self, real_scores: Any, undecided: float = 0.0) -> None:
        """Count the signs of the scores of real pictures in training; after each ``interval`` steps, move p.

        Args:
            real_scores: What the discriminator said of (transformed) real pictures.
            undecided: What it says where it finds real and generated equally likely.
        """
        scores = ops.stop_gradient(ops.cast(real_scores, "float32"))
        signs = self.signs + ops.sum(ops.sign(scores - undecided))
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


class _Draws:
    """The random numbers of one call, ``(B,)`` each, from two draws: on JAX every draw costs time to compile."""

    def __init__(self, count: Any, random: keras.random.SeedGenerator, probability: Any):
        uniform = keras.random.uniform((_UNIFORM, count), dtype="float32", seed=random)
        normal = keras.random.normal((_NORMAL, count), dtype="float32", seed=random)
        self._uniform, self._normal = iter(ops.unstack(uniform, _UNIFORM)), iter(ops.unstack(normal, _NORMAL))
        self.probability = ops.cast(probability, "float32")

    def uniform(self, low: float, high: float) -> Any:
        return low + (high - low) * next(self._uniform)

    def normal(self, deviation: float) -> Any:
        return deviation * next(self._normal)

    def power(self, deviation: float) -> Any:
        """Log-normal factors, ``2^n`` with a normal n."""
        return ops.exp(math.log(2) * self.normal(deviation))

    def whole(self, limit: int) -> Any:
        """Whole numbers below the limit."""
        return ops.minimum(ops.floor(self.uniform(0, limit)), limit - 1.0)

    def angle(self, probability: Any = None) -> Any:
        return self.chosen(self.uniform(-math.pi, math.pi), 0.0, probability)

    def chosen(self, values: Any, neutral: float, probability: Any = None) -> Any:
        """Take a value with the probability, the neutral one else."""
        return ops.where(
            next(self._uniform) < (self.probability if probability is None else probability), values, neutral
        )


def _blits(draws: _Draws, height: int, width: int) -> Any:
    flip = draws.chosen(draws.whole(2), 0.0)
    turns = draws.chosen(draws.whole(4), 0.0)
    dx, dy = (ops.round(draws.uniform(-0.125, 0.125) * size) for size in (width, height))
    moved = draws.chosen(ops.ones_like(dx), 0.0)
    inverse = warping.scaling(1 - 2 * flip, ops.ones_like(flip))
    inverse = ops.matmul(inverse, warping.rotation(turns * (math.pi / 2)))
    return ops.matmul(inverse, warping.translation(-dx * moved, -dy * moved))


def _geometry(draws: _Draws, height: int, width: int) -> Any:
    # Two rotations, so each is rarer: then a picture is turned at all with probability p.
    rotated = 1 - ops.sqrt(ops.clip(1 - draws.probability, 0, 1))
    scale = draws.chosen(draws.power(0.2), 1.0)
    inverse = warping.scaling(1 / scale, 1 / scale)
    inverse = ops.matmul(inverse, warping.rotation(draws.angle(rotated)))
    stretch = draws.chosen(draws.power(0.2), 1.0)
    inverse = ops.matmul(inverse, warping.scaling(1 / stretch, stretch))
    inverse = ops.matmul(inverse, warping.rotation(draws.angle(rotated)))
    dx, dy = (draws.normal(0.125) * size for size in (width, height))
    moved = draws.chosen(ops.ones_like(dx), 0.0)
    return ops.matmul(inverse, warping.translation(-dx * moved, -dy * moved))


def _colors(draws: _Draws, channels: int) -> Any:
    matrices = colors.brightness(draws.chosen(draws.normal(0.2), 0.0))
    matrices = ops.matmul(colors.contrast(draws.chosen(draws.power(0.5), 1.0)), matrices)
    matrices = ops.matmul(colors.luma_flip(draws.chosen(draws.whole(2), 0.0)), matrices)
    if channels == 1:
        return matrices
    matrices = ops.matmul(colors.hue(draws.angle()), matrices)
    return ops.matmul(colors.saturation(draws.chosen(draws.power(1.0), 1.0)), matrices)
