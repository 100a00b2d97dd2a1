"""Sources of labelled images, addressed by a short string."""

import difflib
import logging
from pathlib import Path

from kerasarch.data.folder import read_folder
from kerasarch.data.npz import read_npz
from kerasarch.data.skipped import warn_of_skipped
from kerasarch.data.source import ImageSource
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
    of such a split always stay together; copies between given parts are reported by a warning.

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
    warn_of_skipped(name, skipped, kind="files or classes")
    _warn_of_copies(name, parts)
    wanted = {"validation": validation, "test": test or 0.0}
    wanted = {part: fraction for part, fraction in wanted.items() if part not in parts and fraction}
    train = parts["train"]
    positions = stratified(
        train.labels, tuple(wanted.values()), seed=seed, identity=train.identity(), classes=train.classes
    )
    for part, held in zip(("train", *wanted), positions, strict=True):
        parts[part] = train.subset(held) if wanted else train
    return ImageSplits(name, train.classes, parts["train"], parts["validation"], parts.get("test"), tuple(skipped))


def _parts(source: str, seed: int, strict: bool, offline: bool) -> tuple[str, dict[str, ImageSource], tuple[str, ...]]:
    """Name, given parts and skipped files of a source."""
    if source == "digits":
        from kerasarch.data.digits import digits

        return source, {"train": digits()}, ()
    if source == "letters":
        from kerasarch.data.letters import letters

        return source, {"train": letters(seed=seed)}, ()
    if source.startswith("tfds:"):
        from kerasarch.data.tfds import read_tfds

        return source, dict(read_tfds(source, offline=offline)), ()
    path = Path(source).expanduser()
    if path.is_dir():
        folder = read_folder(path, strict=strict)
        return path.resolve().name, dict(folder.parts), folder.skipped
    if path.is_file() and path.suffix == ".npz":
        return path.name, dict(read_npz(path)), ()
    if path.is_file():
        raise UsageError(
            f"{source} is a file, but no .npz file. Data files are folders of class folders, or .npz files."
        )
    close = difflib.get_close_matches(source, BUNDLED, n=1)
    raise UsageError(
        f"Unknown data {source!r}: no such folder or .npz file, and no name such as {', '.join(BUNDLED)} or "
        f"tfds:NAME[:SPLIT].{f' Did you mean {close[0]!r}?' if close else ''}"
    )


def _warn_of_copies(name: str, parts: dict[str, ImageSource]) -> None:
    """Say when parts that the source brings with it have images in common; they are left as they are."""
    known = {part: set(source.identity() or ()) for part, source in parts.items()}
    for part, digests in known.items():
        shared = digests & known["train"] if part != "train" else set()
        if shared:
            logger.warning("%s: %d images of the %s part are also in the training part.", name, len(shared), part)
