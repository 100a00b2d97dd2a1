"""Datasets of TensorFlow Datasets: found, prepared, and their examples with random access, without TensorFlow wherever
tfds can.
"""

import importlib.util
import os
import re
from collections.abc import Mapping, Sequence
from types import ModuleType
from typing import Any

from kerasarch.errors import DependencyError, UsageError

ADDRESS = re.compile(r"tfds:(?P<name>[\w/.-]+(:\d+\.\d+\.\d+)?)(:(?P<split>.+))?")
PARTS = {"train": ("train",), "validation": ("validation", "val", "valid"), "test": ("test",)}


def open_dataset(address: str, *, offline: bool = False) -> tuple[str, Any, dict[str, str]]:
    """Find a dataset, downloading it first where that is needed and allowed.

    The folder is that of tfds: the environment variable TFDS_DATA_DIR, or ``~/tensorflow_datasets``.

    Args:
        address: ``tfds:NAME[:SPLIT]``; NAME may have a configuration and a version (``a/b:1.0.0``), and SPLIT is
            anything that tfds takes (``train[:10%]``). Without one, all of train, validation and test that there are.
        offline: Download nothing.

    Returns:
        Its name, its builder, and what to read for each part; a single split becomes ``train``.

    Raises:
        UsageError: No such dataset, or a wrong address.
        DependencyError: A package or the network is missing.
    """
    match = ADDRESS.fullmatch(address)
    if match is None:
        raise UsageError(f"Expected tfds:NAME or tfds:NAME:SPLIT, as in tfds:mnist:train. Received {address!r}.")
    name, split = match["name"], match["split"]
    builder = _prepared(package(), name, offline)
    return name, builder, {"train": split} if split else _known_parts(name, builder)


def package() -> ModuleType:
    """Import TensorFlow Datasets.

    Raises:
        DependencyError: It is missing.
    """
    try:
        import tensorflow_datasets
    except ImportError as error:
        raise DependencyError(
            f"tfds: sources need TensorFlow Datasets ({error}). Install it: pip install 'kerasarch[tfds]'"
        ) from error
    return tensorflow_datasets


def _prepared(tfds: ModuleType, name: str, offline: bool) -> Any:
    """The builder of a dataset that is on disk."""
    folder = os.environ.get("TFDS_DATA_DIR")
    try:
        builder = tfds.builder(name, data_dir=folder)
    except tfds.core.DatasetNotFoundError as error:
        close = re.search(r"Did you mean:.*-> (\S+)", str(error))
        raise UsageError(
            f"TensorFlow Datasets has no dataset {name!r}.{f' Did you mean {close[1]!r}?' if close else ''} "
            "They are listed at https://www.tensorflow.org/datasets/catalog/overview."
        ) from error
    except ImportError as error:
        raise _missing(name, error) from error
    if builder.is_prepared():
        return builder
    if offline:
        raise DependencyError(
            f"tfds:{name} is not in {builder.data_dir}, and nothing is to be downloaded. "
            f"Prepare it with: tfds build {name}, or allow the download."
        )
    try:
        if importlib.util.find_spec("array_record"):
            builder = tfds.builder(name, data_dir=folder, file_format="array_record")
        builder.download_and_prepare()
    except ImportError as error:
        raise _missing(name, error) from error
    except (OSError, tfds.download.DownloadError) as error:
        raise DependencyError(
            f"tfds:{name} could not be downloaded to {builder.data_dir} ({type(error).__name__}: {error}). "
            "Check the network, or prepare it on another machine and copy the folder."
        ) from error
    return builder


def _known_parts(name: str, builder: Any) -> dict[str, str]:
    found = {}
    for part, names in PARTS.items():
        split = next((split for split in names if split in builder.info.splits), None)
        if split is not None:
            found[part] = split
    if "train" not in found:
        raise UsageError(
            f"tfds:{name} has no train split. Name one of its own: tfds:{name}:SPLIT with SPLIT among "
            f"{', '.join(builder.info.splits)}."
        )
    return found


def examples(name: str, builder: Any, split: str, encoded: Sequence[str] = ()) -> Sequence[Mapping[str, Any]]:
    """Random access to the examples of a split.

    Args:
        name: Of the dataset, for messages.
        builder: As `open_dataset` gives it.
        split: What to read.
        encoded: Features that are left as they are stored.

    Raises:
        UsageError: There is no such split.
        DependencyError: A package is missing.
    """
    tfds = package()
    decoders = {key: tfds.decode.SkipDecoding() for key in encoded}
    try:
        if builder.info.file_format == tfds.core.FileFormat.ARRAY_RECORD:
            return builder.as_data_source(split=split, decoders=decoders)
        return list(tfds.as_numpy(builder.as_dataset(split=split, decoders=decoders, shuffle_files=False)))
    except ImportError as error:
        raise _missing(name, error) from error
    except (ValueError, KeyError) as error:
        raise UsageError(
            f"tfds:{name} has no split {split!r}. It has: {', '.join(builder.info.splits)} ({error})."
        ) from error


def _missing(name: str, error: ImportError) -> DependencyError:
    package = f"pip install {error.name}" if error.name else "pip install 'kerasarch[tfds]'"
    return DependencyError(f"tfds:{name} needs a package that is missing ({error}). Install it: {package}")
