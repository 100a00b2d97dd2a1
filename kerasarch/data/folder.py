"""A folder of class folders, or a folder with train, validation and test folders in it."""

import hashlib
import io
import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from kerasarch.data.decode import check_decodable, decode
from kerasarch.data.source import ImageSource
from kerasarch.errors import DataError

PART_NAMES = {
    "train": ("train", "training"),
    "validation": ("validation", "val", "valid"),
    "test": ("test", "testing"),
}


class FileImages(ImageSource):
    """Image files, decoded when they are asked for: a folder may be larger than memory.

    Args:
        paths: The files.
        labels: Class index of each file.
        classes: Name of each class.
        digests: A hash of the bytes of each file, if known.
    """

    def __init__(
        self,
        paths: Sequence[Path],
        labels: np.ndarray,
        classes: Sequence[str],
        digests: Sequence[bytes] | None = None,
    ):
        super().__init__(labels, classes)
        self.paths = tuple(paths)
        self._digests = None if digests is None else tuple(digests)

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

    def identity(self) -> tuple[bytes, ...] | None:
        """A hash of the bytes of each file: equal for copies, not for the same picture saved anew."""
        return self._digests

    def subset(self, indices: Sequence[int] | np.ndarray) -> "FileImages":
        """The files at these positions, in this order; the classes stay."""
        digests = None if self._digests is None else [self._digests[index] for index in indices]
        labels = self.labels[np.asarray(indices, dtype=np.int64)]
        return FileImages([self.paths[index] for index in indices], labels, self.classes, digests)


@dataclass(frozen=True)
class Folder:
    """What a folder holds.

    Attributes:
        parts: One source a part, ``train`` always.
        skipped: The files that were left out, each with its reason.
    """

    parts: dict[str, FileImages]
    skipped: tuple[str, ...]


@dataclass(frozen=True)
class _File:
    path: Path
    label: int
    digest: bytes


def read_folder(root: Path, *, strict: bool = False) -> Folder:
    """Find the images of a folder and check each file once.

    A folder named train (or training) inside makes it a folder of parts, else every folder inside is a class. Class
    folders may be nested and may be links. Hidden files and folders are passed over in silence; every other file that
    is no image, or a damaged one, is skipped with a reason, and so is a class without images.

    Args:
        root: The folder.
        strict: Raise at the first file that cannot be read and at an empty class, instead of skipping it.

    Raises:
        DataError: No images, fewer than two classes, parts that do not fit, or (``strict``) an unreadable file.
    """
    folders = _part_folders(root)
    classes = tuple(sorted(path.name for path in _folders(folders["train"])))
    if not classes:
        raise DataError(
            f"{folders['train']} holds no class folders. Put the images of each class into a folder named after it."
        )
    found: dict[str, list[_File]] = {}
    skipped: list[str] = []
    for part, folder in folders.items():
        strangers = sorted({path.name for path in _folders(folder)} - set(classes))
        if strangers:
            raise DataError(
                f"{folder} holds classes that {folders['train']} does not: {', '.join(strangers)}. "
                "Every class must be trained on."
            )
        listed = [(path, label) for label, name in enumerate(classes) for path in _files(folder / name)]
        found[part] = []
        for (path, label), (digest, reason) in zip(listed, _checks([path for path, _ in listed]), strict=True):
            if not reason:
                found[part].append(_File(path, label, digest))
            elif strict:
                raise DataError(f"{reason}. Remove the file, or load without strict (--strict) to skip it.")
            else:
                skipped.append(reason)
    return _as_sources(root, found, classes, skipped, strict)


def has_classes(root: Path) -> bool:
    """Whether the folder, or the train folder in it, holds two folders or more: what a classification needs.

    Args:
        root: The folder.
    """
    return len(_folders(_part_folders(root)["train"])) > 1


def read_files(root: Path, *, strict: bool = False) -> tuple[FileImages, tuple[str, ...]]:
    """Find all images below a folder, whatever the folders inside are called, and check each file once.

    Args:
        root: The folder.
        strict: Raise at the first file that cannot be read instead of skipping it.

    Returns:
        The images, in the order of their paths, as one class; and the files that were left out, with their reasons.

    Raises:
        DataError: There are no images, or (``strict``) there is an unreadable file.
    """
    images, skipped = checked_files(list(_files(root)), strict=strict)
    if not len(images):
        raise DataError(f"{root} holds no readable images; {len(skipped)} files are unreadable. Put pictures there.")
    return FileImages(images.paths, images.labels, (root.name,), images.identity()), skipped


def checked_files(paths: Sequence[Path], *, strict: bool = False) -> tuple[FileImages, tuple[str, ...]]:
    """Check files once.

    Args:
        paths: The files.
        strict: Raise at the first file that cannot be read instead of skipping it.

    Returns:
        The readable images, in this order, as one class; and the files that were left out, with their reasons.

    Raises:
        DataError: (``strict``) There is an unreadable file.
    """
    skipped: list[str] = []
    found: list[tuple[Path, bytes]] = []
    for path, (digest, reason) in zip(paths, _checks(list(paths)), strict=True):
        if not reason:
            found.append((path, digest))
        elif strict:
            raise DataError(f"{reason}. Remove the file, or load without strict (--strict) to skip it.")
        else:
            skipped.append(reason)
    labels = np.zeros(len(found), np.int64)
    images = FileImages([path for path, _ in found], labels, ("images",), [digest for _, digest in found])
    return images, tuple(skipped)


def _as_sources(
    root: Path, found: dict[str, list[_File]], classes: tuple[str, ...], skipped: list[str], strict: bool
) -> Folder:
    present = {file.label for file in found["train"]}
    empty = [name for label, name in enumerate(classes) if label not in present]
    if not present:
        raise DataError(f"{root} holds no readable images in its class folders; {len(skipped)} files are unreadable.")
    if empty and strict:
        raise DataError(f"{root}: no readable images of class {', '.join(empty)}. Add some or remove the folder.")
    kept = tuple(name for name in classes if name not in empty)
    if len(kept) < 2:
        raise DataError(
            f"{root} holds images of one class only ({kept[0]}). A classification needs two or more class folders."
        )
    skipped += [f"{root}: class {name} has no readable training images" for name in empty]
    renumbered = {classes.index(name): label for label, name in enumerate(kept)}
    parts = {}
    for part, files in found.items():
        files = [file for file in files if file.label in renumbered]
        if files:
            labels = np.array([renumbered[file.label] for file in files])
            digests = [file.digest for file in files]
            parts[part] = FileImages([file.path for file in files], labels, kept, digests)
    return Folder(parts, tuple(skipped))


def _part_folders(root: Path) -> dict[str, Path]:
    inside = {path.name.lower(): path for path in _folders(root)}
    parts = {}
    for part, names in PART_NAMES.items():
        folder = next((inside[name] for name in names if name in inside), None)
        if folder is not None:
            parts[part] = folder
    return parts if "train" in parts else {"train": root}


def _folders(root: Path) -> list[Path]:
    return [path for path in root.iterdir() if path.is_dir() and not path.name.startswith(".")]


def _files(folder: Path) -> Iterator[Path]:
    """Every file below a folder in the order of its name; links are followed, each folder is entered once."""
    entered = set()
    for name, inner, files in os.walk(folder, followlinks=True):
        status = Path(name).stat()
        if (status.st_dev, status.st_ino) in entered:
            inner.clear()
            continue
        entered.add((status.st_dev, status.st_ino))
        inner[:] = sorted(child for child in inner if not child.startswith("."))
        yield from (Path(name, file) for file in sorted(files) if not file.startswith("."))


def _checks(paths: list[Path]) -> list[tuple[bytes, str]]:
    """For every file a hash of its bytes, and the reason why it cannot be used or an empty string."""
    with ThreadPoolExecutor(min(8, os.cpu_count() or 1)) as threads:  # Pillow decodes outside of Python's lock.
        return list(threads.map(_check, paths))


def _check(path: Path) -> tuple[bytes, str]:
    try:
        content = path.read_bytes()
        check_decodable(io.BytesIO(content), path)
    except OSError as error:
        return b"", f"{path}: cannot be read ({error.strerror or error})"
    except DataError as error:
        return b"", str(error)
    return hashlib.blake2b(content, digest_size=16).digest(), ""
