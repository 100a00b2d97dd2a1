"""Image files to uint8 arrays: every mode that occurs in the wild becomes grey, RGB or RGBA of 8 bits."""

import io
from functools import cache
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from kerasarch.errors import DataError, UsageError

# The formats of pictures. Pillow knows others, such as EPS, whose reading starts foreign programs.
FORMATS = ("JPEG", "MPO", "PNG", "GIF", "BMP", "TIFF", "WEBP", "PPM", "JPEG2000", "AVIF")
MAX_PIXELS = 89_478_485  # Larger pictures are not unpacked, as a small file may hold a huge one; it is Pillow's bound.
_DAMAGE = (OSError, ValueError, SyntaxError, EOFError, IndexError, ZeroDivisionError, Image.DecompressionBombError)


def open_image(file: Path | io.BytesIO, path: Path) -> Image.Image:
    """Read the header of an image; the pixels stay where they are.

    Args:
        file: The file, or its content.
        path: What to call it.

    Raises:
        DataError: Not an image, or one of more than ``MAX_PIXELS``.
    """
    try:
        image = Image.open(file, formats=_formats())
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise DataError(f"{path}: more than {MAX_PIXELS:,} pixels; the picture is not unpacked") from None
    except _DAMAGE as error:
        raise DataError(f"{path}: not an image that can be read ({_reason(error)})") from error
    if image.width * image.height > MAX_PIXELS:
        image.close()
        raise DataError(f"{path}: more than {MAX_PIXELS:,} pixels; the picture is not unpacked")
    return image


def check_decodable(file: Path | io.BytesIO, path: Path) -> None:
    """Make sure, as cheaply as the format allows, that an image can be decoded.

    A JPEG is decoded at an eighth of its size, which reads all of the file but skips most of the arithmetic; the
    checksums of a PNG are verified; other formats are decoded.

    Args:
        file: The file, or its content.
        path: What to call it.

    Raises:
        DataError: The file is no image, is damaged or is too large.
    """
    with open_image(file, path) as image:
        try:
            if image.format == "PNG":
                image.verify()
            else:
                image.draft("L", (max(image.width // 8, 1), max(image.height // 8, 1)))
                image.load()
        except _DAMAGE as error:
            raise DataError(f"{path}: damaged ({_reason(error)})") from error


def decode(file: Path | io.BytesIO, path: Path | None = None) -> np.ndarray:
    """Read one image.

    The orientation noted by the camera (EXIF) is applied; palettes, CMYK, YCbCr and the like become RGB, 1, 16 and 32
    bits a pixel become 8 bits of grey, transparency is kept as a fourth channel.

    Args:
        file: The file, or its content; of an animation the first picture is read.
        path: What to call the content.

    Returns:
        uint8, ``(height, width, channels)`` with 1, 3 or 4 channels.

    Raises:
        DataError: The file is no image, is damaged or is too large.
    """
    name = path or (file if isinstance(file, Path) else Path("image"))
    with open_image(file, name) as image:
        try:
            return _as_array(ImageOps.exif_transpose(image))
        except _DAMAGE as error:
            raise DataError(f"{name}: damaged ({_reason(error)})") from error


def with_channels(image: np.ndarray, channels: int) -> np.ndarray:
    """Give an image the wanted number of channels.

    Grey is repeated for colour; colour becomes grey by its luma (ITU-R 601, as Pillow has it). Transparent pictures are
    laid on white when the fourth channel has to go; an opaque fourth channel is added when it is wanted.

    Args:
        image: uint8, ``(height, width, 1 | 3 | 4)``.
        channels: 1, 3 or 4.

    Returns:
        uint8, ``(height, width, channels)``.
    """
    check_channels(channels)
    if image.shape[-1] == channels:
        return image
    picture = Image.fromarray(image[..., 0] if image.shape[-1] == 1 else image)
    if picture.mode == "RGBA":
        white = Image.new("RGBA", picture.size, "white")
        picture = Image.alpha_composite(white, picture)
    array = np.asarray(picture.convert({1: "L", 3: "RGB", 4: "RGBA"}[channels]))
    return array[..., np.newaxis] if channels == 1 else array


def check_channels(channels: int) -> None:
    """Refuse a number of channels that no picture has.

    Raises:
        UsageError: ``channels`` is not 1, 3 or 4.
    """
    if channels not in (1, 3, 4):
        raise UsageError(f"channels must be 1 (grey), 3 (RGB) or 4 (RGBA). Received {channels}.")


@cache
def _formats() -> tuple[str, ...]:
    Image.init()
    return tuple(name for name in FORMATS if name in Image.OPEN)


def _as_array(image: Image.Image) -> np.ndarray:
    if image.mode.startswith("I;16"):
        return (np.asarray(image).astype(np.uint16) >> 8).astype(np.uint8)[..., np.newaxis]
    if image.mode in ("I", "F"):
        return _stretched(np.asarray(image))[..., np.newaxis]
    if image.mode in ("1", "L"):
        return np.asarray(image.convert("L"))[..., np.newaxis]
    if image.has_transparency_data:
        return np.asarray(image.convert("RGBA"))
    return np.asarray(image.convert("RGB"))


def _stretched(values: np.ndarray) -> np.ndarray:
    """32-bit grey to 8 bits: 16-bit values (what Pillow opens PNGs as at times) are scaled, others clipped to 0-255."""
    values = values.astype(np.float64)
    factor = 1 / 257 if values.max(initial=0) > 255 else 1
    return np.clip(np.rint(values * factor), 0, 255).astype(np.uint8)


def _reason(error: BaseException) -> str:
    # Pillow names a file that it reads from memory by its address.
    text = str(error).split(" file <_io")[0].split(" <_io")[0].splitlines()
    return text[0] if text else type(error).__name__
