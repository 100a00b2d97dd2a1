"""Checkpoints on the disk: atomic, verified, with a fall back to the previous good one.

A checkpoint is a folder ``checkpoints/<step>/`` with ``arrays.safetensors``, ``state.json`` and ``manifest.json``,
which holds the size and SHA-256 of the other two. It is written beside, flushed to the disk and renamed, so a folder
without a point in front of its name is complete. ``LATEST`` holds the newest one's name.
"""

import contextlib
import dataclasses
import hashlib
import os
import shutil
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from kerasarch.errors import CheckpointError, RunError
from kerasarch.runs.arrays import read_arrays, write_arrays
from kerasarch.runs.atomic import disk_error, read_json, sync_folder, write_file, write_json

FORMAT = 1
ARRAYS, STATE, MANIFEST, LATEST = "arrays.safetensors", "state.json", "manifest.json", "LATEST"


@dataclasses.dataclass(frozen=True)
class Checkpoint:
    """A checkpoint that was found whole.

    Args:
        path: Its folder.
        state: The JSON state.
    """

    path: Path
    state: dict[str, Any]

    @property
    def name(self) -> str:
        """Name of the folder."""
        return self.path.name

    def arrays(self) -> dict[str, np.ndarray]:
        """Read the arrays by name."""
        return read_arrays(self.path / ARRAYS)


class Checkpoints:
    """The checkpoints of one run.

    Args:
        folder: The run's folder ``checkpoints``; it is made with the first checkpoint.
        say: Is told, in one line, of damaged checkpoints that are passed over.
        keep: How many good checkpoints are kept besides those that are held.
    """

    def __init__(self, folder: Path, say: Callable[[str], Any] = print, keep: int = 2):
        self.folder, self._say, self._keep = folder, say, keep

    def write(
        self, step: int, arrays: Mapping[str, np.ndarray], state: Mapping[str, Any], hold: Iterable[str] = ()
    ) -> str:
        """Write a checkpoint and remove the oldest ones.

        Args:
            step: The step that names it.
            arrays: Arrays by name.
            state: JSON values.
            hold: Names of checkpoints that must stay, however old.

        Returns:
            The checkpoint's name: the step, and a suffix where the step has one already.

        Raises:
            RunError: The folder cannot be written or the disk is full; earlier checkpoints are untouched.
        """
        temporary = self.folder / f".writing-{os.getpid()}"
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            shutil.rmtree(temporary, ignore_errors=True)
            temporary.mkdir()
            write_file(temporary / ARRAYS, lambda file: write_arrays(file, arrays))
            write_json(temporary / STATE, dict(state))
            write_json(temporary / MANIFEST, self._manifest(temporary, step))
            name = self._free_name(step)
            os.rename(temporary, self.folder / name)  # noqa: PTH104 - tests make it fail
            sync_folder(self.folder)
            write_file(self.folder / LATEST, lambda file: file.write(f"{name}\n".encode()))
        except OSError as error:
            raise disk_error(self.folder, error) from error
        finally:
            shutil.rmtree(temporary, ignore_errors=True)
        self._remove_old(name, set(hold))
        return name

    def load(self, name: str) -> Checkpoint:
        """Load and verify one checkpoint.

        Raises:
            CheckpointError: It is missing or damaged; the message says how.
        """
        path = self.folder / name
        manifest = read_json(path / MANIFEST)
        if not path.is_dir() or not isinstance(manifest, dict):
            raise CheckpointError(f"checkpoint {path} is {'damaged: no manifest' if path.is_dir() else 'missing'}.")
        if manifest.get("format") != FORMAT:
            raise CheckpointError(
                f"checkpoint {path} has format {manifest.get('format')}; this version reads {FORMAT}."
            )
        for file, facts in manifest["files"].items():
            target = path / file
            size = target.stat().st_size if target.is_file() else None
            if size != facts["size"]:
                raise CheckpointError(f"checkpoint {path} is damaged: {file} has {size} bytes, not {facts['size']}.")
            if _sha256(target) != facts["sha256"]:
                raise CheckpointError(f"checkpoint {path} is damaged: the content of {file} has changed.")
        return Checkpoint(path, read_json(path / STATE))

    def latest(self) -> Checkpoint | None:
        """Load the newest good checkpoint, passing over damaged ones aloud.

        Returns:
            The checkpoint, or None where none was ever written.

        Raises:
            CheckpointError: There are checkpoints, but none is good.
        """
        names = self.names()
        expected = self._pointer()
        problems: list[str] = []
        if expected and expected not in names:
            problems.append(f"checkpoint {self.folder / expected} is missing.")
        for name in reversed(names):
            try:
                found = self.load(name)
            except CheckpointError as error:
                problems.append(str(error))
                continue
            for problem in problems:
                self._say(f"{problem} Falling back to checkpoint {name}.")
            return found
        if problems:
            raise CheckpointError(
                f"no good checkpoint is left in {self.folder}. {' '.join(problems)} Start anew with: kerasarch run"
            )
        return None

    def names(self) -> list[str]:
        """List the checkpoints, the oldest first; damaged ones, whose age is unknown, before all others."""
        if not self.folder.is_dir():
            return []
        found = [path for path in self.folder.iterdir() if path.is_dir() and not path.name.startswith(".")]
        return [path.name for path in sorted(found, key=lambda path: (self._serial(path), path.name))]

    def remove(self, keep: Iterable[str]) -> None:
        """Remove all checkpoints but those named."""
        kept = set(keep)
        for name in self.names():
            if name not in kept:
                self._remove(name)

    def _manifest(self, folder: Path, step: int) -> dict[str, Any]:
        files = {
            name: {"size": (folder / name).stat().st_size, "sha256": _sha256(folder / name)} for name in (ARRAYS, STATE)
        }
        serial = max((self._serial(self.folder / name) for name in self.names()), default=0) + 1
        return {"format": FORMAT, "serial": serial, "step": step, "files": files}

    def _free_name(self, step: int) -> str:
        name = base = f"{step:08d}"
        suffix = 1
        while (self.folder / name).exists():
            suffix += 1
            name = f"{base}-{suffix}"
        return name

    def _serial(self, path: Path) -> int:
        manifest = read_json(path / MANIFEST)
        serial = manifest.get("serial") if isinstance(manifest, dict) else None
        return serial if isinstance(serial, int) else -1

    def _pointer(self) -> str:
        with contextlib.suppress(OSError, UnicodeDecodeError):
            return (self.folder / LATEST).read_text().strip()
        return ""

    def _remove_old(self, newest: str, hold: set[str]) -> None:
        others = [name for name in self.names() if name != newest and name not in hold]
        for name in others[: max(len(others) - (self._keep - 1), 0)]:
            self._remove(name)

    def _remove(self, name: str) -> None:
        # Renamed first: a kill in the middle of the removal must not leave a folder that looks like a checkpoint.
        doomed = self.folder / f".removing-{name}"
        try:
            os.rename(self.folder / name, doomed)  # noqa: PTH104 - tests make it fail
        except OSError as error:
            raise RunError(f"{self.folder / name} cannot be removed: {error.strerror}.") from error
        shutil.rmtree(doomed, ignore_errors=True)


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
