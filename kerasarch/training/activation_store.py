"""Rows of arrays, in memory or in memory-mapped files."""

import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from kerasarch.errors import TrainingError


class ActivationStore:
    """Rows of several arrays, filled from the front.

    Args:
        rows: Rows that there is room for.
        path: Beginning of the paths of memory-mapped files, which hold the activations; None: memory.
    """

    def __init__(self, rows: int, path: Path | None):
        self.rows, self.path, self.count = rows, path, 0
        self._arrays: list[np.ndarray] = []
        self._rest: list[np.ndarray] = []
        self._files: list[Path] = []

    def append(self, activations: Sequence[np.ndarray], rest: Sequence[np.ndarray]) -> np.ndarray:
        """Adds rows of activations and of what goes with them (labels); returns their numbers.

        Raises:
            TrainingError: There is no room left.
        """
        if self.count + len(activations[0]) > self.rows:
            raise TrainingError(
                f"Received more than {self.rows} different examples for the kept activations. Expected data that "
                "repeat from epoch to epoch; train with cache=False."
            )
        if not self._arrays:
            self._arrays = [self._allocate(array, number) for number, array in enumerate(activations)]
            self._rest = [np.empty((self.rows, *array.shape[1:]), array.dtype) for array in rest]
        rows = np.arange(self.count, self.count + len(activations[0]))
        for kept, array in zip([*self._arrays, *self._rest], [*activations, *rest], strict=True):
            kept[rows] = array
        self.count += len(rows)
        return rows

    def take(self, rows: np.ndarray) -> tuple:
        """Rows as a batch: ``(activations, labels[, sample weights])``."""
        activations = [np.ascontiguousarray(array[rows]) for array in self._arrays]
        return (activations[0] if len(activations) == 1 else tuple(activations), *(array[rows] for array in self._rest))

    def close(self) -> None:
        """Lets go of everything and removes the files."""
        self._arrays = []
        for file in self._files:
            file.unlink(missing_ok=True)

    def _allocate(self, array: np.ndarray, number: int) -> np.ndarray:
        shape = (self.rows, *array.shape[1:])
        if self.path is None:
            return np.empty(shape, array.dtype)
        file = self.path.with_name(f"{self.path.name}-{os.getpid()}-{number}.npy")
        mapped = np.lib.format.open_memmap(file, mode="w+", dtype=array.dtype, shape=shape)
        try:
            file.unlink()  # the space is given back when the process ends, however it ends
        except PermissionError:  # Windows removes no file that is open
            self._files.append(file)
        return mapped
