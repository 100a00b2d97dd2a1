"""Folders of pairs, of two domains, or of single pictures, and what is held out of them.

Two folders: ``A`` and ``B``, or ``trainA`` and ``trainB`` with ``testA`` and ``testB`` (the form of the authors of
CycleGAN), or ``train/A`` and ``train/B`` with ``test/A`` and ``test/B``. Pictures side by side: ``train`` and ``test``
with pictures that hold both halves (the form of the authors of Pix2Pix), or one folder of them. ``val`` and the like
serve as ``test``, see `kerasarch.data.folder`. What has no test part has some of its training part held out.
"""

import logging
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from kerasarch.data.decode import open_image
from kerasarch.data.folder import PART_NAMES, FileImages, read_files
from kerasarch.data.pair_sources import HalvedPairs, PairSource, StoredPairs
from kerasarch.data.skipped import warn_of_skipped
from kerasarch.data.source import ImageSource
from kerasarch.data.splits import check_fractions, stratified
from kerasarch.errors import DataError, UsageError

logger = logging.getLogger("kerasarch")


def read_pairs(
    root: str | Path, *, seed: int = 0, held_out: float = 0.2, strict: bool = False
) -> tuple[PairSource, PairSource]:
    """Read a folder of aligned pairs: two folders with the same names of files in them, or pictures side by side.

    Names are compared without their endings, so that ``A/1.jpg`` belongs to ``B/1.png``.

    Args:
        root: The folder.
        seed: Of the choice of what is held out.
        held_out: Share of the pairs, where the folder has no test part.
        strict: Refuse unreadable files instead of leaving them and their partners out.

    Returns:
        Pairs to learn from, and others.

    Raises:
        UsageError: There is no such folder.
        DataError: Names or sizes do not match, or there are no pairs.
    """
    path = _folder(root)
    parts: dict[str, PairSource] = {}
    for part, folders in _domains(path).items():
        parts[part] = _matched(folders, strict)
    if not parts:
        for part, folder in _parts(path).items():
            images = _readable(folder, strict)
            _check_halves(images)
            parts[part] = HalvedPairs(images)
    if "test" in parts:
        return parts["train"], parts["test"]
    train = parts["train"]
    kept, held = _split(len(train), train.identity(), seed, held_out)
    return train.subset(kept), train.subset(held)


def read_domains(
    root: str | Path, *, seed: int = 0, held_out: float = 0.2, strict: bool = False
) -> tuple[tuple[ImageSource, ImageSource], tuple[ImageSource, ImageSource]]:
    """Read a folder of two domains whose pictures have nothing to do with each other.

    Args:
        root: The folder.
        seed: Of the choice of what is held out.
        held_out: Share of either domain, where the folder has no test part.
        strict: Refuse unreadable files instead of leaving them out.

    Returns:
        Both domains to learn from, and both domains of others.

    Raises:
        UsageError: There is no such folder.
        DataError: It has no two domains, or one of them is empty.
    """
    path = _folder(root)
    found = _domains(path)
    if not found:
        raise DataError(f"{path} holds no two domains. Expected folders A and B, or trainA and trainB, in it.")
    parts = {part: [_readable(folder, strict) for folder in folders] for part, folders in found.items()}
    if "test" not in parts:
        splits = [_split(len(images), images.identity(), seed, held_out) for images in parts["train"]]
        parts["test"] = [images.subset(split[1]) for images, split in zip(parts["train"], splits, strict=True)]
        parts["train"] = [images.subset(split[0]) for images, split in zip(parts["train"], splits, strict=True)]
    train, test = parts["train"], parts["test"]
    return (train[0], train[1]), (test[0], test[1])


def read_pictures(
    source: str | Path, *, seed: int = 0, held_out: float = 0.2, strict: bool = False, offline: bool = False
) -> tuple[ImageSource, ImageSource]:
    """Load pictures whose classes do not matter.

    Args:
        source: A folder with pictures anywhere in it, with ``train`` and ``test`` folders or without, or what
            `kerasarch.data.load_images` takes.
        seed: Of the choice of what is held out.
        held_out: Share of the pictures, where there is no test part.
        strict: Refuse unreadable files instead of leaving them out.
        offline: Download nothing.

    Returns:
        Pictures to learn from, and others.

    Raises:
        UsageError: The source is neither a known name nor a file or folder.
        DataError: There are no pictures.
    """
    path = Path(source).expanduser()
    if not path.is_dir():
        from kerasarch.data.load import load_images

        images = load_images(source, seed=seed, validation=held_out, strict=strict, offline=offline)
        return images.train, images.test or images.validation
    parts = {part: _readable(folder, strict) for part, folder in _parts(path).items()}
    train = parts["train"]
    if "test" in parts:
        return train, parts["test"]
    kept, held = _split(len(train), train.identity(), seed, held_out)
    return train.subset(kept), train.subset(held)


def _folder(root: str | Path) -> Path:
    path = Path(root).expanduser()
    if not path.is_dir():
        raise UsageError(f"There is no folder {root}. Give a folder of pairs, or one with folders A and B in it.")
    return path


def _inside(root: Path) -> dict[str, Path]:
    return {path.name.lower(): path for path in sorted(root.iterdir()) if path.is_dir() and path.name[0] != "."}


def _parts(root: Path) -> dict[str, Path]:
    """Folders of the parts: ``train``, and ``test`` where there is one; without a train part, the folder itself."""
    inside = _inside(root)
    train = next((inside[name] for name in PART_NAMES["train"] if name in inside), None)
    test = next((inside[name] for name in (*PART_NAMES["test"], *PART_NAMES["validation"]) if name in inside), None)
    if train is None:
        return {"train": root}
    return {"train": train} if test is None else {"train": train, "test": test}


def _domains(root: Path) -> dict[str, tuple[Path, Path]]:
    """Both folders of each part, where there are such."""
    found: dict[str, tuple[Path, Path]] = {}
    for part, folder in _parts(root).items():
        inside = _inside(folder)
        if "a" in inside and "b" in inside:
            found[part] = inside["a"], inside["b"]
    inside = _inside(root)
    names = {"train": PART_NAMES["train"], "test": (*PART_NAMES["test"], *PART_NAMES["validation"])}
    for part, prefixes in names.items():
        for prefix in prefixes:
            if part not in found and f"{prefix}a" in inside and f"{prefix}b" in inside:
                found[part] = inside[f"{prefix}a"], inside[f"{prefix}b"]
    return found if "train" in found else {}


def _readable(folder: Path, strict: bool) -> FileImages:
    images, skipped = read_files(folder, strict=strict)
    warn_of_skipped(folder, skipped)
    return images


def _matched(folders: tuple[Path, Path], strict: bool) -> StoredPairs:
    """Pairs of the files of equal names in two folders."""
    sources = [_readable(folder, strict) for folder in folders]
    places: list[dict[str, int]] = []
    for folder, source in zip(folders, sources, strict=True):
        names = [path.relative_to(folder).with_suffix("").as_posix() for path in source.paths]
        if len(set(names)) < len(names):
            twice = next(name for name in names if names.count(name) > 1)
            raise DataError(f"{folder}: {twice} is there twice with different endings. Remove one of the files.")
        places.append({name: place for place, name in enumerate(names)})
    for here, there in ((0, 1), (1, 0)):
        alone = sorted(set(places[here]) - set(places[there]))
        # An unreadable file was reported; its partner is left out with it.
        alone = [name for name in alone if not list(folders[there].glob(f"{_escaped(name)}.*"))]
        if alone:
            raise DataError(
                f"{len(alone)} pictures of {folders[here]} have no partner in {folders[there]}, first: {alone[0]}. "
                "Pairs need files of equal names."
            )
    common = [name for name in places[0] if name in places[1]]
    if not common:
        raise DataError(f"{folders[0]} and {folders[1]} hold no pair of readable pictures. Pairs need equal names.")
    first, second = (
        source.subset([place[name] for name in common]) for source, place in zip(sources, places, strict=True)
    )
    _check_sizes(first, second)
    return StoredPairs(first, second)


def _escaped(name: str) -> str:
    return "".join(f"[{letter}]" if letter in "[]*?" else letter for letter in name)


def _check_sizes(first: FileImages, second: FileImages) -> None:
    for one, other in zip(first.paths, second.paths, strict=True):
        sizes = [picture_size(path) for path in (one, other)]
        if sizes[0] != sizes[1]:
            raise DataError(
                f"{one} measures {sizes[0][0]} by {sizes[0][1]} pixels, its partner {other} {sizes[1][0]} by "
                f"{sizes[1][1]}. Pairs must be aligned, so of one size."
            )


def _check_halves(images: FileImages) -> None:
    for path in images.paths:
        width, height = picture_size(path)
        if width % 2 or width < 2:
            raise DataError(
                f"{path} measures {width} by {height} pixels. Expected a pair side by side, so an even width, or two "
                "folders A and B with equal names of files."
            )


def picture_size(path: Path) -> tuple[int, int]:
    """Width and height in pixels as the picture is shown: the camera's rotation counts. Only the header is read."""
    with open_image(path, path) as image:
        turned = image.getexif().get(0x0112, 1) >= 5  # orientations 5 to 8 are turned by a quarter
        return (image.height, image.width) if turned else (image.width, image.height)


def _split(count: int, identity: Sequence[bytes] | None, seed: int, held_out: float) -> tuple[np.ndarray, np.ndarray]:
    check_fractions(held_out, None)
    labels = np.zeros(count, np.int64)
    kept, held = stratified(labels, (held_out,), seed=seed, identity=identity, classes=("of all",))
    return kept, held
