"""Printed letters, rendered from the fonts that matplotlib bundles: pictures to learn from without any download."""

import string
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFilter, ImageFont

from kerasarch.data.source import ArrayImages
from kerasarch.errors import UsageError

# The text fonts of the DejaVu and STIX families: the others that matplotlib bundles lack letters or repeat these.
FONTS = (
    "DejaVuSans",
    "DejaVuSans-Bold",
    "DejaVuSans-Oblique",
    "DejaVuSans-BoldOblique",
    "DejaVuSansMono",
    "DejaVuSansMono-Bold",
    "DejaVuSansMono-Oblique",
    "DejaVuSansMono-BoldOblique",
    "DejaVuSerif",
    "DejaVuSerif-Bold",
    "DejaVuSerif-Italic",
    "DejaVuSerif-BoldItalic",
    "STIXGeneral",
    "STIXGeneralBol",
    "STIXGeneralBolIta",
    "STIXGeneralItalic",
)
MASTER = 64  # pixels: side of the square in which a glyph is drawn once before it is distorted


def letters(
    per_class: int = 200,
    *,
    size: int = 16,
    characters: str = string.ascii_uppercase,
    slant: float = 0.3,
    scale: tuple[float, float] = (0.75, 1.1),
    shift: float = 0.08,
    width: tuple[float, float] = (1.0, 1.0),
    blur: float = 0.0,
    seed: int = 0,
) -> ArrayImages:
    """Printed letters, bright on black, each with its own font, slant, scale and shift.

    Args:
        per_class: Images a class.
        size: Side of the square images in pixels.
        characters: One class a character; the fonts have the printable ASCII ones.
        slant: Largest shear: horizontal displacement per unit of height, either way.
        scale: Smallest and largest height of a letter, 1 filling the picture; the width varies independently.
        shift: Largest displacement as a part of ``size``, in each direction.
        width: Smallest and largest factor on the width, besides its own scale: below 1 for narrow letters.
        blur: Largest standard deviation of a Gaussian blur, in pixels of the result.
        seed: Same seed, same pictures.

    Returns:
        ``per_class * len(characters)`` images ``(size, size, 1)``, ordered by class.

    Raises:
        UsageError: A count, size or character cannot be rendered.
    """
    if per_class < 1 or size < 4 or blur < 0 or not 0 < width[0] <= width[1]:
        raise UsageError(
            "Letters need per_class >= 1, size >= 4, blur >= 0 and width (smallest, largest) above 0. "
            f"Received per_class={per_class}, size={size}, blur={blur}, width={width}."
        )
    unknown = [character for character in characters if not "!" <= character <= "~"]
    if unknown or len(set(characters)) != len(characters) or len(characters) < 2:
        raise UsageError(f"characters must be two or more different printable ASCII ones. Received {characters!r}.")
    rng = np.random.default_rng([seed, 0x1E77])
    folder = _font_folder()
    fonts = [ImageFont.truetype(str(folder / f"{name}.ttf"), MASTER) for name in FONTS]
    images = np.empty((len(characters) * per_class, size, size), np.uint8)
    for label, character in enumerate(characters):
        masters = [_master(font, character) for font in fonts]
        for row in range(label * per_class, (label + 1) * per_class):
            images[row] = _distorted(masters[rng.integers(len(masters))], size, slant, scale, shift, width, blur, rng)
    return ArrayImages(images, np.repeat(np.arange(len(characters)), per_class), characters)


def _font_folder() -> Path:
    import matplotlib

    return Path(matplotlib.get_data_path(), "fonts", "ttf")


def _master(font: ImageFont.FreeTypeFont, character: str) -> Image.Image:
    """The glyph alone, white on black, centred in a square of its own height."""
    left, top, right, bottom = (int(value) for value in font.getbbox(character))
    side = max(right - left, bottom - top)
    image = Image.new("L", (side, side))
    offset = ((side - right + left) // 2 - left, (side - bottom + top) // 2 - top)
    ImageDraw.Draw(image).text(offset, character, fill=255, font=font)
    return image.resize((MASTER, MASTER), Image.Resampling.BICUBIC)


def _distorted(
    master: Image.Image,
    size: int,
    slant: float,
    scale: tuple[float, float],
    shift: float,
    narrowing: tuple[float, float],
    blur: float,
    rng: np.random.Generator,
) -> np.ndarray:
    """Sample the master through a random affine map, four samples a pixel side, averaged: ``(size, size)`` uint8."""
    height = rng.uniform(*scale)
    width = rng.uniform(*scale) * rng.uniform(*narrowing)
    shear = rng.uniform(-slant, slant)
    across, down = rng.uniform(-shift, shift, size=2)
    fine = 4 * size
    # Pillow asks where in the master an output pixel comes from: the inverse of the distortion, about the centre.
    unit = MASTER / fine
    a, b = unit / width, unit * shear / width
    e = unit / height
    centre_x, centre_y = fine * (0.5 + across), fine * (0.5 + down)
    coefficients = (a, b, MASTER / 2 - a * centre_x - b * centre_y, 0.0, e, MASTER / 2 - e * centre_y)
    image = master.transform((fine, fine), Image.Transform.AFFINE, coefficients, Image.Resampling.BILINEAR)
    if blur:
        image = image.filter(ImageFilter.GaussianBlur(4 * rng.uniform(0, blur)))
    return np.asarray(image.reduce(4))
