"""Files that were computed once and are found again by what they were computed from, in the user's cache."""

import hashlib
import os
from pathlib import Path
from typing import Any


def cached_file(kind: str, name: str, made_by: Any, suffix: str) -> Path:
    """Return where a computed file is, or will be, kept: below ``KERAS_HOME``, which is ``~/.keras`` unless set.

    Args:
        kind: Folder below ``kerasarch``, such as ``letters``.
        name: Beginning of the file's name, for people.
        made_by: Everything that the content depends on: its ``repr`` is what the file is found by.
        suffix: End of the file's name, such as ``.weights.h5``.
    """
    home = Path(os.environ.get("KERAS_HOME", "~/.keras")).expanduser() / "kerasarch"
    return home / kind / f"{name}-{hashlib.sha256(repr(made_by).encode()).hexdigest()[:16]}{suffix}"


def keep(made: Path, cached: Path) -> None:
    """Copy a file to its place in the cache, whole or not at all; two processes may do so at once.

    Args:
        made: The file.
        cached: Its place, from `cached_file`.

    Raises:
        OSError: The cache cannot be written.
    """
    cached.parent.mkdir(parents=True, exist_ok=True)
    beside = cached.with_name(f".{os.getpid()}-{cached.name}")
    try:
        beside.write_bytes(made.read_bytes())
        beside.replace(cached)
    finally:
        beside.unlink(missing_ok=True)
