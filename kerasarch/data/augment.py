"""Random changes of a picture that keep its class: flip, rotation, scale, shift, crop and colour."""

import math
from dataclasses import dataclass, fields

import numpy as np
from PIL import Image, ImageEnhance

from kerasarch.errors import UsageError


@dataclass(frozen=True)
class Augmentation:
    """What is changed at random in training pictures; nothing unless asked for.

    Everything is drawn from the generator that the pipeline hands in, so the same seed gives the same pictures.
    The geometric changes are composed into one resampling, about the centre; what they uncover repeats the edge pixels.

    Attributes:
        flip: Mirror left and right, every second picture.
        rotation: Largest angle in degrees, either way.
        scale: Smallest and largest magnification; 1 is as it was.
        shift: Largest displacement as a part of the height and of the width, either way.
        crop: Smallest and largest part of the area to cut out and stretch to the full size, with a ratio of width to
            height between 3/4 and 4/3 of the picture's own: Szegedy et al., 2015 (https://arxiv.org/abs/1409.4842),
            section 6.
        brightness: Largest relative change of brightness, either way: 0.2 gives factors from 0.8 to 1.2.
        contrast: The same about the mean grey.
        saturation: The same about the picture's own grey; without effect on grey pictures.
        mixup: Parameter alpha of Mixup, 0 for none: Zhang et al., 2018 (https://arxiv.org/abs/1710.09412).
        cutmix: Parameter alpha of CutMix, 0 for none: Yun et al., 2019 (https://arxiv.org/abs/1905.04899). With both,
            each batch gets the one or the other, with equal chance.

    Raises:
        UsageError: A value is out of range.
    """

    flip: bool = False
    rotation: float = 0.0
    scale: tuple[float, float] = (1.0, 1.0)
    shift: float = 0.0
    crop: tuple[float, float] | None = None
    brightness: float = 0.0
    contrast: float = 0.0
    saturation: float = 0.0
    mixup: float = 0.0
    cutmix: float = 0.0

    def __post_init__(self) -> None:
        for name in ("rotation", "shift", "mixup", "cutmix"):
            if not 0 <= getattr(self, name) < math.inf:
                raise UsageError(f"Augmentation: {name} must not be negative. Received {getattr(self, name)}.")
        for name in ("brightness", "contrast", "saturation", "shift"):
            if not 0 <= getattr(self, name) <= 1:
                raise UsageError(f"Augmentation: {name} must be between 0 and 1. Received {getattr(self, name)}.")
        if not 0 < self.scale[0] <= self.scale[1]:
            raise UsageError(f"Augmentation: scale must be (smallest, largest), above 0. Received {self.scale}.")
        if self.crop is not None and not 0 < self.crop[0] <= self.crop[1] <= 1:
            raise UsageError(f"Augmentation: crop must be (smallest, largest) part of the area. Received {self.crop}.")

    @property
    def mixes(self) -> bool:
        """Whether pictures and labels of a batch are mixed, which needs one-hot labels."""
        return self.mixup > 0 or self.cutmix > 0

    @property
    def changes_pictures(self) -> bool:
        """Whether single pictures are changed."""
        names = [field.name for field in fields(self) if field.name not in ("mixup", "cutmix")]
        plain = Augmentation()
        return any(getattr(self, name) != getattr(plain, name) for name in names)

    @property
    def warps(self) -> bool:
        """Whether pictures are rotated, scaled or shifted."""
        return self.rotation > 0 or self.shift > 0 or tuple(self.scale) != (1.0, 1.0)


def random_box(
    height: int, width: int, area: tuple[float, float], rng: np.random.Generator
) -> tuple[float, float, float, float]:
    """Draw a part of a picture: ``(left, top, right, bottom)`` in pixels.

    Args:
        height: Of the picture.
        width: Of the picture.
        area: Smallest and largest part of its area.
        rng: Where the numbers come from.

    Returns:
        A box within the picture; the largest one of the drawn ratio where the drawn area does not fit.
    """
    part = rng.uniform(*area)
    ratio = math.exp(rng.uniform(math.log(3 / 4), math.log(4 / 3)))
    box_width = min(width, width * math.sqrt(part * ratio))
    box_height = min(height, height * math.sqrt(part / ratio))
    left = rng.uniform(0, width - box_width)
    top = rng.uniform(0, height - box_height)
    return left, top, left + box_width, top + box_height


def random_warp(picture: Image.Image, augmentation: Augmentation, rng: np.random.Generator) -> Image.Image:
    """Rotate, magnify and shift a picture at random, in one resampling; its size stays."""
    angle = math.radians(rng.uniform(-augmentation.rotation, augmentation.rotation))
    magnification = rng.uniform(*augmentation.scale)
    across, down = rng.uniform(-augmentation.shift, augmentation.shift, size=2)
    return warped(picture, angle, magnification, across * picture.width, down * picture.height)


def warped(
    picture: Image.Image, angle: float, magnification: float, right: float = 0.0, down: float = 0.0
) -> Image.Image:
    """Turn, magnify and then move a picture; its size stays, edge pixels repeat outwards.

    Args:
        picture: The picture.
        angle: In radians, counter-clockwise as one looks at it.
        magnification: Above 1 enlarges.
        right: Displacement in pixels.
        down: Displacement in pixels.
    """
    width, height = picture.size
    # Pillow wants the source of each target pixel: the inverse map, whose y axis points down.
    cosine, sine = math.cos(angle) / magnification, math.sin(angle) / magnification
    target_x, target_y = width / 2 + right, height / 2 + down
    from_x = width / 2 - cosine * target_x + sine * target_y
    from_y = height / 2 - sine * target_x - cosine * target_y
    corners = [(0, 0), (width, 0), (0, height), (width, height)]
    sources_x = [cosine * x - sine * y + from_x for x, y in corners]
    sources_y = [sine * x + cosine * y + from_y for x, y in corners]
    # Only as much edge as is looked at: padding is what costs most here.
    margin = 1 + math.ceil(max(0, -min(sources_x), max(sources_x) - width, -min(sources_y), max(sources_y) - height))
    array = np.asarray(picture)
    padding = ((margin, margin), (margin, margin)) + ((0, 0),) * (array.ndim - 2)
    padded = Image.fromarray(np.pad(array, padding, mode="edge"))
    coefficients = (cosine, -sine, margin + from_x, sine, cosine, margin + from_y)
    return padded.transform((width, height), Image.Transform.AFFINE, coefficients, Image.Resampling.BILINEAR)


def random_colour(picture: Image.Image, augmentation: Augmentation, rng: np.random.Generator) -> Image.Image:
    """Change brightness, contrast and saturation, in this order."""
    for enhancer, strength in (
        (ImageEnhance.Brightness, augmentation.brightness),
        (ImageEnhance.Contrast, augmentation.contrast),
        (ImageEnhance.Color, augmentation.saturation),
    ):
        if strength:
            picture = enhancer(picture).enhance(rng.uniform(1 - strength, 1 + strength))
    return picture
