"""Image files to uint8 arrays: every mode that occurs in the wild becomes grey, RGB or RGBA of 8 bits."""

import warnings
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from kerasarch.errors import DataError, UsageError

MAX_PIXELS = 100_000_000  # Larger pictures are refused before they are unpacked: a small file may hold a huge one.


def open_image(path: Path) -> Image.Image:
    """Read a file's header; the pixels stay where they are.

    Raises:
        DataError: Not an image, or one of more than ``MAX_PIXELS``.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            image = Image.open(path)
    except (Image.DecompressionBombWarning, Image.DecompressionBombError) as error:
        raise DataError(f"{path}: too many pixels to unpack safely ({error})") from None
    except (OSError, ValueError, SyntaxError) as error:
        raise DataError(f"{path}: not an image that Pillow can read ({_reason(error)})") from error
    if image.width * image.height > MAX_PIXELS:
        image.close()
        raise DataError(f"{path}: {image.width} by {image.height} pixels; at most {MAX_PIXELS} are unpacked")
    return image


def decode(path: Path) -> np.ndarray:
    """Read one image file.

    The orientation noted by the camera (EXIF) is applied; palettes, CMYK, YCbCr and the like become RGB, 1, 16 and 32
    bits a pixel become 8 bits of grey, transparency is kept as a fourth channel.

    Args:
        path: The file; of an animation the first picture is read.

    Returns:
        uint8, ``(height, width, channels)`` with 1, 3 or 4 channels.

    Raises:
        DataError: The file is no image, is damaged or is too large.
    """
    with open_image(path) as image:
        try:
            return _as_array(ImageOps.exif_transpose(image))
        except (OSError, ValueError, SyntaxError, EOFError) as error:
            raise DataError(f"{path}: damaged ({_reason(error)})") from error


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
    return str(error).splitlines()[0] if str(error) else type(error).__name__
