"""Sources of labelled images, addressed by a short string."""

import difflib
import logging
from pathlib import Path

import numpy as np

from kerasarch.data.folder import read_folder
from kerasarch.data.source import ArrayImages, ImageSource
from kerasarch.data.splits import ImageSplits, check_fractions, stratified
from kerasarch.errors import UsageError

BUNDLED = ("digits", "letters")
logger = logging.getLogger("kerasarch")


def load_images(
    source: str | Path,
    *,
    seed: int = 0,
    validation: float = 0.2,
    test: float | None = None,
    strict: bool = False,
    offline: bool = False,
) -> ImageSplits:
    """Load labelled images and split them.

    Parts that the source brings with it (folders named train, validation and test, arrays named x_test, splits of a
    dataset) are kept as they are; what is missing is split off the training part, class by class. Byte-identical images
    of such a split always stay together.

    Args:
        source: ``"digits"`` and ``"letters"`` (bundled), a folder of class folders or with train, validation and test
            folders in it, ``"tfds:NAME[:SPLIT]"``, or a ``.npz`` file.
        seed: Seed of the split, and of the pictures of ``"letters"``.
        validation: Part of the training images to hold out when the source has no validation part.
        test: Part to hold out for a test when the source has no test part; None for no test part.
        strict: Refuse a folder with unreadable files instead of skipping them.
        offline: Download nothing.

    Returns:
        The parts, the class names and the files that were skipped.

    Raises:
        UsageError: The source is neither a known name nor a file or folder.
        DataError: The data are missing, damaged or unfit for classification.
        DependencyError: A package or the network is missing.
    """
    check_fractions(validation, test)
    name, parts, skipped = _parts(str(source), seed, strict, offline)
    if skipped:
        logger.warning(
            "%s: skipped %d of its files, the first: %s. All are listed in the attribute `skipped`.",
            name,
            len(skipped),
            skipped[0],
        )
    wanted = {
        "validation": 0.0 if "validation" in parts else validation,
        "test": 0.0 if "test" in parts else test or 0.0,
    }
    if any(wanted.values()):
        train = parts["train"]
        identity = _identity(train)
        rest, *held = stratified(train.labels, tuple(wanted.values()), seed=seed, identity=identity)
        parts["train"] = train.subset(rest)
        for part, positions in zip(wanted, held, strict=True):
            if len(positions):
                parts[part] = train.subset(positions)
    return ImageSplits(
        name, parts["train"].classes, parts["train"], parts["validation"], parts.get("test"), tuple(skipped)
    )


def _parts(source: str, seed: int, strict: bool, offline: bool) -> tuple[str, dict[str, ImageSource], tuple[str, ...]]:
    if source == "digits":
        from kerasarch.data.digits import digits

        return source, {"train": digits()}, ()
    if source == "letters":
        from kerasarch.data.letters import letters

        return source, {"train": letters(seed=seed)}, ()
    path = Path(source).expanduser()
    if path.is_dir():
        folder = read_folder(path, strict=strict)
        return path.name, dict(folder.parts), folder.skipped
    close = difflib.get_close_matches(source, BUNDLED, n=1)
    hint = f" Did you mean {close[0]!r}?" if close else ""
    raise UsageError(
        f"Unknown data {source!r}: neither {', '.join(BUNDLED)}, tfds:NAME[:SPLIT], nor an existing folder or .npz "
        f"file.{hint}"
    )


def _identity(source: ImageSource) -> list[bytes] | None:
    return (
        [np.ascontiguousarray(image).tobytes() for image in source.images] if isinstance(source, ArrayImages) else None
    )
