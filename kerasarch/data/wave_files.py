"""Sound files: RIFF WAVE, uncompressed, as mono numbers from -1 to 1."""

import math
import struct
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from kerasarch.errors import DataError

PCM, FLOATS, EXTENSIBLE = 1, 3, 0xFFFE
OPEN_END = 0xFFFFFFFF
"""Size that programs write which did not know it yet: the sound goes to the end of the file."""


def read_wave(path: str | Path, rate: int | None = None) -> tuple[np.ndarray, int]:
    """Read a file of sound; several channels are averaged.

    Whole numbers of 8, 16, 24 and 32 bits and floating-point numbers of 32 and 64 bits are read: Microsoft, 1991 and
    1994, "Multimedia Programming Interface and Data Specifications" and its "New Multimedia Data Types".

    Args:
        path: The file.
        rate: Numbers a second that are wanted; None for those of the file. Another rate is reached by a polyphase
            filter (``scipy.signal.resample_poly``).

    Returns:
        Float32 ``(N,)``, and their rate.

    Raises:
        DataError: It is no such file, it is cut off, or it holds no sound.
    """
    try:
        content = Path(path).read_bytes()
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror or error})") from error
    samples, given = decode_wave(content, path)
    if rate is None or rate == given:
        return samples, given
    from scipy.signal import resample_poly

    common = math.gcd(rate, given)
    return resample_poly(samples, rate // common, given // common).astype("float32"), rate


def decode_wave(content: bytes, origin: object) -> tuple[np.ndarray, int]:
    """Read the content of a file of sound.

    Args:
        content: Its bytes.
        origin: What to call it in a message.

    Returns:
        Float32 ``(N,)``, and how many there are a second.

    Raises:
        DataError: As for `read_wave`.
    """
    if len(content) < 12 or content[:4] != b"RIFF" or content[8:12] != b"WAVE":
        raise DataError(f"{origin}: is no WAV file. Convert it: ffmpeg -i FILE -c:a pcm_s16le FILE.wav")
    form: tuple[int, int, int, int] | None = None
    for name, body, size in _chunks(content):
        if name == b"fmt ":
            form = _form(body, origin)
        elif name == b"data":
            if form is None:
                raise DataError(f"{origin}: is damaged: nothing before its sound says how it is kept.")
            if len(body) < size:
                raise DataError(f"{origin}: is cut off: {len(body):,} of {size:,} bytes of sound are there.")
            return _numbers(body, form, origin), form[2]
    raise DataError(f"{origin}: is cut off: it holds no sound.")


def _chunks(content: bytes) -> Iterator[tuple[bytes, bytes, int]]:
    """Names, bytes and sizes of the parts; a part may have fewer bytes than its size says."""
    place = 12
    while place + 8 <= len(content):
        size = int.from_bytes(content[place + 4 : place + 8], "little")
        body = content[place + 8 : place + 8 + size]
        yield content[place : place + 4], body, len(body) if size == OPEN_END else size
        place += 8 + size + size % 2


def _form(body: bytes, origin: object) -> tuple[int, int, int, int]:
    """Kind of numbers, channels, rate, bits."""
    if len(body) < 16:
        raise DataError(f"{origin}: is cut off within its header.")
    kind, channels, rate, _, _, bits = struct.unpack("<HHIIHH", body[:16])
    if kind == EXTENSIBLE and len(body) >= 26:
        kind = int.from_bytes(body[24:26], "little")
    known = (kind == PCM and bits in (8, 16, 24, 32)) or (kind == FLOATS and bits in (32, 64))
    if not known or not channels or not rate:
        raise DataError(
            f"{origin}: expected PCM of 8 to 32 bits or floating-point numbers. Received format {kind} of {bits} bits, "
            f"{channels} channels, {rate} Hz. Convert it: ffmpeg -i FILE -c:a pcm_s16le OTHER.wav"
        )
    return kind, channels, rate, bits


def _numbers(body: bytes, form: tuple[int, int, int, int], origin: object) -> np.ndarray:
    kind, channels, _, bits = form
    width = bits // 8
    body = body[: len(body) // (width * channels) * width * channels]
    if kind == FLOATS:
        values = np.frombuffer(body, f"<f{width}").astype("float32")
    elif bits == 8:  # the only size without a sign
        values = (np.frombuffer(body, np.uint8).astype("float32") - 128) / 128
    elif bits == 24:
        wide = np.zeros((len(body) // 3, 4), np.uint8)
        wide[:, 1:] = np.frombuffer(body, np.uint8).reshape(-1, 3)
        values = (wide.view("<i4")[:, 0] / 2.0**31).astype("float32")
    else:
        values = (np.frombuffer(body, f"<i{width}") / 2.0 ** (bits - 1)).astype("float32")
    if not len(values):
        raise DataError(f"{origin}: holds no sound.")
    if not np.isfinite(values).all():
        raise DataError(f"{origin}: holds numbers that are not finite. Write it anew.")
    return values.reshape(-1, channels).mean(axis=1, dtype="float32")
