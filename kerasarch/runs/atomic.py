"""Files that are there whole or not at all: written beside, flushed to the disk, then renamed."""

import errno
import json
import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO

from kerasarch.errors import RunError


def write_file(path: Path, write: Callable[[BinaryIO], Any]) -> None:
    """Write a file so that a reader, also one after a crash, finds the old content or the new one.

    Args:
        path: The file; its folder exists.
        write: Writes the content to an open binary file.

    Raises:
        RunError: The folder cannot be written or the disk is full. The old content is still there.
    """
    temporary = ""
    try:
        descriptor, temporary = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
        with os.fdopen(descriptor, "wb") as file:
            write(file)
            file.flush()
            os.fsync(file.fileno())
        Path(temporary).chmod(0o644)
        os.replace(temporary, path)  # noqa: PTH105 - tests make it fail
        sync_folder(path.parent)
    except OSError as error:
        if temporary:
            Path(temporary).unlink(missing_ok=True)
        raise disk_error(path, error) from error
    except BaseException:
        if temporary:
            Path(temporary).unlink(missing_ok=True)
        raise


def write_json(path: Path, value: Any) -> None:
    """Write a JSON file whole or not at all.

    Args:
        path: The file.
        value: JSON values; paths become text, NumPy numbers become numbers, not-a-number becomes null.

    Raises:
        RunError: It cannot be written.
    """
    text = json.dumps(plain(value), indent=2, ensure_ascii=False, allow_nan=False) + "\n"
    write_file(path, lambda file: file.write(text.encode()))


def read_json(path: Path) -> Any:
    """Read a JSON file, or give None where it is missing or damaged."""
    try:
        return json.loads(path.read_bytes())
    except (OSError, ValueError):
        return None


def plain(value: Any) -> Any:
    """Turn a value into what JSON holds: NumPy scalars and arrays, paths, tuples and sets included."""
    if value is None or isinstance(value, (bool, int, str)):
        return value
    if isinstance(value, float):
        return value if value == value and abs(value) != float("inf") else None
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    if isinstance(value, (set, frozenset)):
        return sorted(plain(item) for item in value)
    if hasattr(value, "tolist"):  # NumPy
        return plain(value.tolist())
    if hasattr(value, "item") and not hasattr(value, "__len__"):
        return plain(value.item())
    try:
        return plain(float(value))  # a scalar tensor of a backend
    except (TypeError, ValueError):
        return str(value)


def sync_folder(path: Path) -> None:
    """Flush a folder's entries to the disk, so that a rename survives a power cut."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def disk_error(path: Path, error: OSError) -> RunError:
    """Say in one line why a file could not be written and what to do."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        remedy = "The disk is full: free some space, then go on with: kerasarch resume"
    elif error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        remedy = "It may not be written: choose another folder with --out"
    else:
        remedy = "Check the disk, or choose another folder with --out"
    return RunError(f"{path} cannot be written: {error.strerror or error}. {remedy}.")
