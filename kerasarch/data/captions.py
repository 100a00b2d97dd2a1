"""Folders of pictures with captions.

The captions are in ``metadata.jsonl`` (a line ``{"file_name": "a.png", "text": "a cat"}`` for each picture, as the
``datasets`` library reads it; ``caption`` serves as ``text``), or in ``captions.txt`` (``a.png``, a tabulator, the
caption), or beside each picture in a file of its name: ``a.txt`` for ``a.png``.
"""

import dataclasses
import json
import logging
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from kerasarch.data.decode import decode, with_channels
from kerasarch.data.folder import FileImages, checked_files
from kerasarch.data.skipped import warn_of_skipped
from kerasarch.data.splits import ImageSplits, check_fractions, stratified
from kerasarch.errors import DataError, UsageError

logger = logging.getLogger("kerasarch")

ENDINGS = (".png", ".jpg", ".jpeg", ".webp", ".bmp", ".gif", ".tif", ".tiff")
_TEXT_KEYS = ("text", "caption")


@dataclasses.dataclass(frozen=True)
class CaptionedPictures:
    """Pictures of one size with their captions.

    Attributes:
        images: ``(N, height, width, 3)`` uint8.
        captions: One each.
    """

    images: np.ndarray
    captions: tuple[str, ...]


def read_captions(folder: str | Path) -> dict[Path, str]:
    """Return the caption of each picture in a folder, in the order of their names.

    Args:
        folder: The folder.

    Raises:
        UsageError: There is no such folder.
        DataError: There are no captions, a file of captions is damaged, or it names a picture that is not there.
    """
    root = Path(folder).expanduser()
    if not root.is_dir():
        raise UsageError(f"There is no folder {folder}. Give a folder of pictures with captions.")
    if (root / "metadata.jsonl").is_file():
        found = _from_lines(root / "metadata.jsonl")
    elif (root / "captions.txt").is_file():
        found = _from_table(root / "captions.txt")
    else:
        pictures = sorted(path for path in root.rglob("*") if path.suffix.lower() in ENDINGS)
        beside = {path: path.with_suffix(".txt") for path in pictures}
        found = {path: _text(text).strip() for path, text in beside.items() if text.is_file()}
        if len(found) < len(pictures):
            bare = [path.name for path in pictures if path not in found]
            logger.warning("%s: %d pictures without a caption are left out, such as %s.", root, len(bare), bare[0])
    missing = [path.name for path in found if not path.is_file()]
    if missing:
        raise DataError(f"{root}: {len(missing)} captions are for pictures that are not there, such as {missing[0]}.")
    if not found:
        raise DataError(
            f"{root}: no pictures with captions. Expected metadata.jsonl, captions.txt, or a.txt beside a.png."
        )
    return found


def has_captions(folder: str | Path) -> bool:
    """Whether a folder holds captions of pictures in one of the forms above."""
    root = Path(folder).expanduser()
    if (root / "metadata.jsonl").is_file() or (root / "captions.txt").is_file():
        return True
    return any(path.suffix.lower() in ENDINGS and path.with_suffix(".txt").is_file() for path in root.rglob("*"))


def split_captioned(folder: str | Path, *, seed: int = 0, validation: float = 0.2, strict: bool = False) -> ImageSplits:
    """Read a folder of captioned pictures as one of labelled ones, whose classes are the different captions.

    Args:
        folder: As for `read_captions`.
        seed: Of the split.
        validation: Part of the pictures to hold out; copies of a picture stay together.
        strict: Refuse unreadable files instead of leaving them out, which is logged.

    Returns:
        The parts; nothing is decoded yet.

    Raises:
        UsageError: There is no such folder, or nothing would be left to learn from.
        DataError: There are no captions, or too few readable pictures.
    """
    check_fractions(validation, None)
    captions = read_captions(folder)
    images, skipped = checked_files(list(captions), strict=strict)
    warn_of_skipped(folder, skipped)
    texts = [captions[path] for path in images.paths]
    classes = tuple(dict.fromkeys(texts))
    numbers = {text: number for number, text in enumerate(classes)}
    labelled = FileImages(images.paths, np.array([numbers[text] for text in texts]), classes, images.identity())
    # Few captions occur twice: the split does not look at them.
    places = stratified(np.zeros(len(texts), np.int64), (validation,), seed=seed, identity=labelled.identity())
    train, held_out = (labelled.subset(part) for part in places)
    return ImageSplits(Path(folder).resolve().name, classes, train, held_out, None, skipped)


def load_captioned(folder: str | Path, size: tuple[int, int], *, strict: bool = False) -> CaptionedPictures:
    """Load pictures, cut to a shape in their middle and brought to a size, with their captions.

    Args:
        folder: As for `read_captions`.
        size: Height and width.
        strict: Refuse unreadable files instead of leaving them out, which is logged.

    Raises:
        UsageError: There is no such folder.
        DataError: There are no captions, or no readable pictures.
    """
    images, captions = [], []
    for path, caption in read_captions(folder).items():
        try:
            images.append(fitted(decode(path), size))
        except DataError as error:
            if strict:
                raise
            logger.warning("%s; it is left out.", error)
            continue
        captions.append(caption)
    if not images:
        raise DataError(f"{folder}: none of the pictures can be read.")
    return CaptionedPictures(np.stack(images), tuple(captions))


def fitted(image: np.ndarray, size: Sequence[int]) -> np.ndarray:
    """Cut a picture in its middle to the shape of a size and bring it to that size.

    Args:
        image: uint8, ``(height, width, 1 | 3 | 4)``.
        size: Height and width.

    Returns:
        uint8, ``(height, width, 3)``.
    """
    height, width = size
    image = with_channels(image, 3)
    tall, wide = image.shape[:2]
    scale = min(tall / height, wide / width)
    box_height, box_width = scale * height, scale * width
    top, left = (tall - box_height) / 2, (wide - box_width) / 2
    box = (left, top, left + box_width, top + box_height)
    return np.asarray(Image.fromarray(image).resize((width, height), Image.Resampling.BICUBIC, box=box))


def cut(image: np.ndarray, size: Sequence[int]) -> np.ndarray:
    """Cut a picture in its middle to a size; its pixels stay as they are.

    Args:
        image: uint8, ``(height, width, 1 | 3 | 4)``, no smaller than the size.
        size: Height and width.

    Returns:
        uint8, ``(height, width, 3)``.
    """
    height, width = size
    image = with_channels(image, 3)
    top, left = (image.shape[0] - height) // 2, (image.shape[1] - width) // 2
    return image[top : top + height, left : left + width]


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{path}: not readable as text ({error}). Captions are UTF-8.") from error


def _from_lines(path: Path) -> dict[Path, str]:
    found = {}
    for number, line in enumerate(_text(path).splitlines(), 1):
        if not line.strip():
            continue
        try:
            entry = json.loads(line)
            text = next(entry[key] for key in _TEXT_KEYS if key in entry)
            found[path.parent / entry["file_name"]] = str(text)
        except (ValueError, KeyError, TypeError, StopIteration) as error:
            raise DataError(f'{path}, line {number}: expected {{"file_name": ..., "text": ...}}.') from error
    return found


def _from_table(path: Path) -> dict[Path, str]:
    found = {}
    for number, line in enumerate(_text(path).splitlines(), 1):
        if not line.strip():
            continue
        name, separator, text = line.partition("\t")
        if not separator:
            raise DataError(f"{path}, line {number}: expected the name of a picture, a tabulator, and its caption.")
        found[path.parent / name.strip()] = text.strip()
    return found
