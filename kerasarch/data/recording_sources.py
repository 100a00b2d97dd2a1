"""Labelled recordings, addressed by a short string."""

import difflib
import hashlib
import re
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from kerasarch.data.folder import PART_NAMES
from kerasarch.data.recordings import FileRecordings, Recordings, RecordingSplits
from kerasarch.data.skipped import warn_of_skipped
from kerasarch.data.splits import check_fractions, stratified
from kerasarch.data.wave_files import decode_wave
from kerasarch.errors import DataError, UsageError

BUNDLED = ("dial-tones",)
LISTS = {"validation": "validation_list.txt", "test": "testing_list.txt"}
"""Lists of files that the Speech Commands bring with them: Warden, 2018 (https://arxiv.org/abs/1804.03209)."""
TEST_INDICES = 5
"""Recordings of a speaker and word, by their number from 0 on, that are the test of the free spoken digits."""
_NAMED = re.compile(r"([^_]+)_(.+)_(\d+)")
_DIGITS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")


def load_recordings(
    source: str | Path,
    *,
    rate: int = 8000,
    seed: int = 0,
    validation: float = 0.1,
    test: float = 0.2,
    strict: bool = False,
) -> RecordingSplits:
    """Read labelled recordings and split them.

    Parts that the source brings with it are kept as they are; what is missing is split off the training part, class by
    class. Files with the same bytes stay together.

    Args:
        source: ``"dial-tones"``, the tones of telephone keys, made; a folder of class folders, or with folders train,
            validation and test of them, or with the lists of the Speech Commands beside them, where folders whose names
            begin with _ or a point are passed over; or a folder of files ``WORD_SPEAKER_NUMBER.wav``, of which the
            numbers 0 to 4 are the test, as in the Free Spoken Digit Dataset
            (https://github.com/Jakobovski/free-spoken-digit-dataset). There the words 0 to 9 are called zero to nine.
        rate: Numbers a second that recordings are brought to.
        seed: Of the split.
        validation: Part of the training recordings to hold out where the source has no validation part.
        test: Part to hold out where it has no test part.
        strict: Refuse a folder with unreadable files instead of skipping them.

    Raises:
        UsageError: There is no such source.
        DataError: There are no recordings, or fewer than two classes.
    """
    check_fractions(validation, test)
    name, parts, digests, skipped = _parts(source, rate, seed, strict)
    warn_of_skipped(name, skipped)
    wanted = {"validation": validation, "test": test}
    wanted = {part: fraction for part, fraction in wanted.items() if part not in parts}
    train = parts["train"]
    if wanted:
        positions = stratified(train.labels, tuple(wanted.values()), seed=seed, identity=digests, classes=train.classes)
        for part, held in zip(("train", *wanted), positions, strict=True):
            parts[part] = train.subset(held)
    return RecordingSplits(name, parts["train"], parts["validation"], parts["test"], tuple(skipped))


def _parts(
    source: str | Path, rate: int, seed: int, strict: bool
) -> tuple[str, dict[str, Recordings], list[bytes] | None, list[str]]:
    """Name, given parts, hashes of the training part, skipped files."""
    if source == "dial-tones":
        from kerasarch.data.dial_tones import RATE, dial_tones

        if rate != RATE:
            raise UsageError(f"dial-tones are made at {RATE} numbers a second. Received rate={rate}.")
        return "dial-tones", {"train": dial_tones(seed=seed)}, None, []
    root = Path(source).expanduser()
    if not root.is_dir():
        close = difflib.get_close_matches(str(source), BUNDLED, n=1)
        raise UsageError(
            f"Unknown recordings {str(source)!r}: no such folder, and no name such as {', '.join(BUNDLED)}."
            f"{f' Did you mean {close[0]!r}?' if close else ''}"
        )
    listed = _listed(root)
    if not listed:
        raise DataError(f"{root} holds no .wav files. Put those of each class into a folder named after it.")
    kept: dict[str, list[tuple[Path, str, int, bytes]]] = {}
    skipped: list[str] = []
    for part, word, path in listed:
        count, digest, reason = _checked(path, rate)
        if not reason:
            kept.setdefault(part, []).append((path, word, count, digest))
        elif strict:
            raise DataError(f"{reason} Remove the file, or load without strict (--strict) to skip it.")
        else:
            skipped.append(reason)
    classes = _classes(root, kept)
    parts: dict[str, Recordings] = {}
    for part, files in kept.items():
        labels = np.array([classes.index(word) for _, word, _, _ in files])
        counts = np.array([count for _, _, count, _ in files])
        parts[part] = FileRecordings([file[0] for file in files], counts, labels, classes, rate)
    return root.resolve().name, parts, [file[3] for file in kept["train"]], skipped


def _checked(path: Path, rate: int) -> tuple[int, bytes, str]:
    """How many numbers a file has at this rate, a hash of its bytes, and the reason why it cannot be used, if any."""
    try:
        content = path.read_bytes()
        samples, given = decode_wave(content, path)
    except OSError as error:
        return 0, b"", f"{path}: cannot be read ({error.strerror or error})."
    except DataError as error:
        return 0, b"", str(error)
    return -(-len(samples) * rate // given), hashlib.blake2b(content, digest_size=16).digest(), ""


def _classes(root: Path, kept: dict[str, list[tuple[Path, str, int, bytes]]]) -> list[str]:
    words = {word for _, word, _, _ in kept.get("train", ())}
    order = {word: place for place, word in enumerate(_DIGITS)}
    classes = sorted(words, key=lambda word: (order.get(word, len(order)), word))
    if len(classes) < 2:
        raise DataError(f"{root}: readable recordings of two classes or more are needed. Received {len(classes)}.")
    for part, files in kept.items():
        strangers = sorted({word for _, word, _, _ in files} - words)
        if strangers:
            raise DataError(f"{root}: the {part} part has classes that training does not: {', '.join(strangers)}.")
    return classes


def _listed(root: Path) -> list[tuple[str, str, Path]]:
    """Part, class and path of each file."""
    for folder in (root, *(_folders(root) if len(_folders(root)) == 1 else ())):
        named = [(_NAMED.fullmatch(path.stem), path) for path in _waves(folder.iterdir())]
        matching = [(match, path) for match, path in named if match is not None]
        if matching and len(matching) == len(named):
            return [
                ("test" if int(match[3]) < TEST_INDICES else "train", _word(match[1]), path) for match, path in matching
            ]
    inside = {path.name.lower(): path for path in _folders(root)}
    folders = {
        part: next(inside[name] for name in names if name in inside)
        for part, names in PART_NAMES.items()
        if any(name in inside for name in names)
    }
    if "train" not in folders:
        folders = {"train": root}
    lists = {part: root / name for part, name in LISTS.items() if (root / name).is_file()}
    part_of = {line: part for part, file in lists.items() for line in file.read_text().split("\n") if line}
    return [
        (part_of.get(path.relative_to(folder).as_posix(), part), word.name, path)
        for part, folder in folders.items()
        for word in _folders(folder)
        for path in _waves(word.rglob("*"))
    ]


def _word(text: str) -> str:
    return _DIGITS[int(text)] if text in set("0123456789") else text


def _folders(root: Path) -> list[Path]:
    return sorted(path for path in root.iterdir() if path.is_dir() and path.name[0] not in "._")


def _waves(paths: Iterable[Path]) -> list[Path]:
    return sorted(path for path in paths if path.suffix.lower() == ".wav" and path.name[0] != ".")
