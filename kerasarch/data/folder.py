"""A folder of class folders, or a folder with train, validation and test folders in it."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from kerasarch.data.decode import decode, open_image
from kerasarch.data.source import ImageSource
from kerasarch.errors import DataError

PART_NAMES = {
    "train": ("train", "training"),
    "validation": ("validation", "val", "valid"),
    "test": ("test", "testing"),
}
logger = logging.getLogger("kerasarch")


class FileImages(ImageSource):
    """Image files, decoded when they are asked for: a folder may be larger than memory.

    Args:
        paths: The files.
        labels: Class index of each file.
        classes: Name of each class.
    """

    def __init__(self, paths: Sequence[Path], labels: np.ndarray, classes: Sequence[str]):
        super().__init__(labels, classes)
        self.paths = tuple(paths)

    @property
    def shape(self) -> None:
        """None: the files are not decoded to find out."""
        return None

    def image(self, index: int) -> np.ndarray:
        """Decode one file, uint8 ``(height, width, channels)``.

        Raises:
            DataError: The file is damaged, or gone.
        """
        return decode(self.paths[index])

    def subset(self, indices: Sequence[int] | np.ndarray) -> "FileImages":
        """The files at these positions, in this order; the classes stay."""
        return FileImages([self.paths[index] for index in indices], self.labels[indices], self.classes)


@dataclass(frozen=True)
class FolderImages:
    """What a folder holds: one source a part, ``train`` always, and the files that were left out with their reasons."""

    parts: dict[str, FileImages]
    classes: tuple[str, ...]
    skipped: tuple[str, ...]


def read_folder(root: Path, *, strict: bool = False) -> FolderImages:
    """Find the images of a folder.

    A folder named train (or training) inside makes it a folder of parts, else every folder inside is a class. Class
    folders may be nested; hidden files and folders are passed over in silence, other files that are no images are
    skipped with a reason.

    Args:
        root: The folder.
        strict: Raise at the first file that cannot be read, instead of skipping it.

    Raises:
        DataError: No images, fewer than two classes, parts that do not fit, or (``strict``) an unreadable file.
    """
    folders = _part_folders(root)
    classes = tuple(sorted(path.name for path in _folders(folders["train"])))
    if not classes:
        raise DataError(f"{root} holds no class folders. Put the images of each class into a folder named after it.")
    found: dict[str, list[tuple[Path, int]]] = {}
    skipped: list[str] = []
    for part, folder in folders.items():
        strangers = sorted({path.name for path in _folders(folder)} - set(classes))
        if strangers:
            raise DataError(
                f"{folder} holds classes that {folders['train']} has not: {', '.join(strangers)}. "
                "Every class must be trained on."
            )
        found[part] = []
        for label, name in enumerate(classes):
            for path in _files(folder / name):
                reason = _unreadable(path)
                if reason is None:
                    found[part].append((path, label))
                elif strict:
                    raise DataError(reason)
                else:
                    skipped.append(reason)
    return _checked(root, found, classes, skipped, strict)


def _checked(
    root: Path, found: dict[str, list[tuple[Path, int]]], classes: tuple[str, ...], skipped: list[str], strict: bool
) -> FolderImages:
    if not found["train"]:
        raise DataError(f"{root} holds no readable images ({len(skipped)} unreadable files).")
    counts = np.bincount([label for _, label in found["train"]], minlength=len(classes))
    empty = [name for name, count in zip(classes, counts, strict=True) if not count]
    if empty and strict:
        raise DataError(f"{root}: no readable images of {', '.join(empty)}.")
    skipped += [f"{root / name}: class without images" for name in empty]
    kept = tuple(name for name in classes if name not in empty)
    if len(kept) < 2:
        raise DataError(f"{root} holds one class only ({kept[0]}). A classification needs two or more class folders.")
    renumbered = {classes.index(name): label for label, name in enumerate(kept)}
    parts = {}
    for part, files in found.items():
        files = [(path, renumbered[label]) for path, label in files if label in renumbered]
        if files:
            paths, labels = zip(*files, strict=True)
            parts[part] = FileImages(paths, np.array(labels), kept)
    return FolderImages(parts, kept, tuple(skipped))


def _part_folders(root: Path) -> dict[str, Path]:
    inside = {path.name.lower(): path for path in _folders(root)}
    parts = {part: next((inside[name] for name in names if name in inside), None) for part, names in PART_NAMES.items()}
    if parts["train"] is None:
        return {"train": root}
    return {part: path for part, path in parts.items() if path is not None}


def _folders(root: Path) -> list[Path]:
    return [path for path in root.iterdir() if path.is_dir() and not path.name.startswith(".")]


def _files(folder: Path) -> list[Path]:
    if not folder.is_dir():
        return []
    hidden = lambda path: any(name.startswith(".") for name in path.relative_to(folder).parts)  # noqa: E731
    return sorted(path for path in folder.rglob("*") if path.is_file() and not hidden(path))


def _unreadable(path: Path) -> str | None:
    try:
        open_image(path).close()
    except DataError as error:
        return str(error)
    return None
