"""Mixup and CutMix: every picture of a batch is mixed with another one, and the labels likewise."""

from dataclasses import dataclass

import numpy as np

from kerasarch.data.augment import Augmentation


@dataclass(frozen=True)
class Mix:
    """Mixup or CutMix of a batch, drawn at random.

    One weight and one box serve the whole batch, as in the authors' programs.

    Attributes:
        augmentation: Its ``mixup`` and ``cutmix`` are the parameters of the Beta distribution of the weight.
    """

    augmentation: Augmentation

    def __call__(self, batch: tuple[np.ndarray, np.ndarray], rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        """Images ``(batch, height, width, channels)`` and one-hot labels ``(batch, classes)``, mixed."""
        images, labels = batch
        mixup_alpha, cutmix_alpha = self.augmentation.mixup, self.augmentation.cutmix
        partner = rng.permutation(len(images))
        if cutmix_alpha and (not mixup_alpha or rng.random() < 0.5):
            part = 1 - rng.beta(cutmix_alpha, cutmix_alpha)
            return cutmix(images, labels, partner, random_patch(images.shape[1:3], part, rng))
        return mixup(images, labels, partner, rng.beta(mixup_alpha, mixup_alpha))


def mixup(images: np.ndarray, labels: np.ndarray, partner: np.ndarray, weight: float) -> tuple[np.ndarray, np.ndarray]:
    """``weight * x + (1 - weight) * x[partner]``, for images and for labels.

    Args:
        images: ``(batch, ...)``.
        labels: One-hot, ``(batch, classes)``.
        partner: Position of the other picture of each one, ``(batch,)``.
        weight: Share of the picture itself, from 0 to 1.

    Returns:
        float32 images and labels.
    """
    own, others = np.float32(weight), np.float32(1 - weight)
    mixed = own * images.astype(np.float32) + others * images[partner].astype(np.float32)
    return mixed, own * labels + others * labels[partner]


def cutmix(
    images: np.ndarray, labels: np.ndarray, partner: np.ndarray, box: tuple[int, int, int, int]
) -> tuple[np.ndarray, np.ndarray]:
    """Paste a box of the partner into each picture; the labels get the exact share of the area.

    Args:
        images: ``(batch, height, width, channels)``.
        labels: One-hot, ``(batch, classes)``.
        partner: Position of the other picture of each one, ``(batch,)``.
        box: ``(top, left, bottom, right)`` in pixels, the last two excluded.

    Returns:
        Images of the same type, and float32 labels.
    """
    top, left, bottom, right = box
    pasted = images.copy()
    pasted[:, top:bottom, left:right] = images[partner, top:bottom, left:right]
    part = np.float32((bottom - top) * (right - left) / (images.shape[1] * images.shape[2]))
    return pasted, (1 - part) * labels + part * labels[partner]


def random_patch(size: tuple[int, int], part: float, rng: np.random.Generator) -> tuple[int, int, int, int]:
    """A box of ``part`` of the area around a uniformly drawn centre, cut off at the borders (eq. 2 of the paper).

    Args:
        size: Height and width in pixels.
        part: Of the area, before cutting off.
        rng: Where the centre comes from.

    Returns:
        ``(top, left, bottom, right)``.
    """
    edges = []
    for length in size:
        half = round(length * part**0.5) / 2
        centre = rng.integers(length)
        edges.append((int(np.clip(centre - half, 0, length)), int(np.clip(centre + half, 0, length))))
    (top, bottom), (left, right) = edges
    return top, left, bottom, right
