"""Activations of frozen layers, computed once a stage instead of once an epoch."""

import copy
import hashlib
import logging
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np
from keras import tree

from kerasarch.errors import UsageError

log = logging.getLogger(__name__)


class BoundaryCache:
    """What crosses the boundary of a cut model, for every example that a stage will ask for.

    Without augmentation each example is computed once, and every epoch gets it in its own order, as without a cache.
    Augmented data has no end of different examples: then the first epochs of the stage are computed as they come,
    `views` of them, and repeated in turn, so that view v of an example is the one of epoch v. Every batch is computed
    at full size (a last, smaller one is filled up), in one order, so that a resumed run computes the same bits again.

    Args:
        base: The part of the model below the boundary.
        train: Training data with ``batch(epoch, index)``, ``epoch`` and ``steps``, such as ``kerasarch.data.Batches``.
        validation: Validation data: the same, or any ``keras.utils.PyDataset``; or None.
        epochs: Epochs of the stage.
        views: Augmented versions of an example; used only with augmentation.
        folder: Where the activations go, as memory-mapped files; None: into memory.
        name: Name of the stage, for the files.
    """

    def __init__(
        self,
        base: keras.Model,
        train: Any,
        validation: Any,
        *,
        epochs: int,
        views: int = 4,
        folder: Path | None = None,
        name: str = "stage",
    ):
        if views < 1:
            raise UsageError(f"Received views={views}. Expected at least 1.")
        self.base, self.epochs, self.folder, self.name = base, epochs, folder, name
        self._train, self._validation = train, validation
        self._first = train.epoch
        self._augmented = getattr(train, "augment", None) is not None
        self._views = min(views, epochs)
        self._stores: list[_Store] = []
        self._rows: dict[tuple[int, int], np.ndarray] = {}
        self._filled = False
        # A copy keeps everything that the training loop asks of the data (position, state) and serves other batches.
        self.train = copy.copy(train)
        self.train.batch = self._train_batch
        self.validation = None if validation is None else _Replay(self._validation_batch, _steps(validation))

    def size(self) -> int:
        """Bytes that the cache will take, at most; computes one batch."""
        x, y, *_ = _fields(self._train.batch(self._first, 0))
        batch = len(y)
        example = sum(array[0].nbytes for array in self._activations(x, batch))
        whole = self._train.steps * batch
        labels = getattr(self._train, "labels", None)
        examples = self._views * whole if self._augmented else max(whole, 0 if labels is None else len(labels))
        if self._validation is not None:
            examples += _steps(self._validation) * len(_fields(_get(self._validation, 0))[1])
        return examples * example

    def fill(self) -> None:
        """Computes everything now; otherwise it happens when the first batch is asked for."""
        if self._filled:
            return
        if self._augmented:
            self._fill_epochs(range(self._first, self._first + self._views))
        else:
            self._fill_examples(range(self._first, self._first + self.epochs))
        if self._validation is not None:
            steps = _steps(self._validation)
            batch = len(_fields(_get(self._validation, 0))[1])
            store = self._store(steps * batch, "validation")
            for index in range(steps):
                self._rows[-1, index] = store.append(*self._computed(_get(self._validation, index), batch))
        self._filled = True
        log.info("%s: kept the activations of %d examples below the open layers.", self.name, self.examples)

    @property
    def examples(self) -> int:
        """Examples in the cache."""
        return sum(store.count for store in self._stores)

    def close(self) -> None:
        """Lets go of the activations and removes their files."""
        for store in self._stores:
            store.close()
        self._stores.clear()

    def _fill_epochs(self, epochs: Sequence[int]) -> None:
        first = self._train.batch(epochs[0], 0)
        self._batch = len(_fields(first)[1])
        store = self._store(len(epochs) * self._train.steps * self._batch, "train")
        for epoch in epochs:
            for index in range(self._train.steps):
                self._rows[epoch, index] = store.append(*self._computed(self._train.batch(epoch, index), self._batch))

    def _fill_examples(self, epochs: Sequence[int]) -> None:
        """Computes each example once and notes for every batch of the stage which ones it holds."""
        self._batch = len(_fields(self._train.batch(epochs[0], 0))[1])
        keys = {(epoch, index): self._keys(epoch, index) for epoch in epochs for index in range(self._train.steps)}
        store = self._store(len({key for batch in keys.values() for key in batch}), "train")
        row_of: dict[Any, int] = {}
        for (epoch, index), names in keys.items():
            new = [position for position, key in enumerate(names) if key not in row_of]
            if new:
                activations, rest = self._computed(self._train.batch(epoch, index), self._batch)
                rows = store.append([array[new] for array in activations], [array[new] for array in rest])
                row_of.update({names[position]: row for position, row in zip(new, rows, strict=True)})
            self._rows[epoch, index] = np.array([row_of[key] for key in names])

    def _keys(self, epoch: int, index: int) -> list:
        """What tells the examples of a batch apart: their place in the source, or else their content."""
        order = getattr(self._train, "order", None)
        if order is not None:
            return np.asarray(order(epoch))[index * self._batch : (index + 1) * self._batch].tolist()
        fields = tree.flatten(self._train.batch(epoch, index))
        hashes = [hashlib.blake2b(digest_size=16) for _ in range(len(fields[0]))]
        for field in fields:
            for digest, example in zip(hashes, np.asarray(field), strict=True):
                digest.update(np.ascontiguousarray(example))
        return [digest.digest() for digest in hashes]

    def _computed(self, batch: Any, size: int) -> tuple[list[np.ndarray], list[np.ndarray]]:
        x, *rest = _fields(batch)
        return self._activations(x, size), [np.asarray(field) for field in rest]

    def _activations(self, x: Any, size: int) -> list[np.ndarray]:
        count = len(tree.flatten(x)[0])
        # Filled up with its own first examples: one shape is compiled, and sums run in one order.
        full = tree.map_structure(
            lambda array: keras.ops.convert_to_tensor(np.resize(array, (max(size, count), *array.shape[1:]))), x
        )
        return [_storable(array)[:count] for array in tree.flatten(self.base.predict_on_batch(full))]

    def _store(self, rows: int, kind: str) -> "_Store":
        path = None if self.folder is None else self.folder / f"{self.name}-{kind}".replace("/", "_")
        self._stores.append(_Store(rows, path))
        return self._stores[-1]

    def _train_batch(self, epoch: int, index: int) -> tuple:
        self.fill()
        if self._augmented:
            epoch = self._first + (epoch - self._first) % self._views
        return self._stores[0].take(self._rows[epoch, index])

    def _validation_batch(self, index: int) -> tuple:
        self.fill()
        return self._stores[1].take(self._rows[-1, index])


class FillCache(keras.callbacks.Callback):
    """Fills a cache before training begins, where no backend has put its variables aside yet.

    Args:
        cache: The cache.
    """

    def __init__(self, cache: BoundaryCache):
        super().__init__()
        self.cache = cache

    def on_train_begin(self, logs=None):
        """Computes the activations."""
        self.cache.fill()


def refusal(needed: int, cache_gb: float, folder: Path | None) -> str:
    """Why activations of that size cannot be kept; empty where they can.

    Args:
        needed: Bytes.
        cache_gb: Limit in GB (10**9 bytes).
        folder: Folder of the files, or None for memory.
    """
    if needed > cache_gb * 1e9:
        return f"the activations take {needed / 1e9:.2f} GB, the limit (cache_gb) is {cache_gb:g} GB"
    if folder is not None:
        folder.mkdir(parents=True, exist_ok=True)
        free = shutil.disk_usage(folder).free
        if needed > 0.95 * free:  # a memory-mapped file that outgrows its disk kills the process without a word
            return f"the activations take {needed / 1e9:.2f} GB, {folder} has {free / 1e9:.2f} GB left"
    return ""


class _Store:
    """Rows of several arrays, filled from the front."""

    def __init__(self, rows: int, path: Path | None):
        self.rows, self.path, self.count = rows, path, 0
        self._arrays: list[np.ndarray] | None = None
        self._rest: list[np.ndarray] = []
        self._files: list[Path] = []

    def append(self, activations: Sequence[np.ndarray], rest: Sequence[np.ndarray]) -> np.ndarray:
        if self._arrays is None:
            self._arrays = [self._allocate(array, number) for number, array in enumerate(activations)]
            self._rest = [np.empty((self.rows, *array.shape[1:]), array.dtype) for array in rest]
        rows = np.arange(self.count, self.count + len(activations[0]))
        for kept, array in zip([*self._arrays, *self._rest], [*activations, *rest], strict=True):
            kept[rows] = array
        self.count += len(rows)
        return rows

    def take(self, rows: np.ndarray) -> tuple:
        activations = [np.ascontiguousarray(array[rows]) for array in self._arrays]
        return (activations[0] if len(activations) == 1 else tuple(activations), *(array[rows] for array in self._rest))

    def close(self) -> None:
        self._arrays = None
        for file in self._files:
            file.unlink(missing_ok=True)

    def _allocate(self, array: np.ndarray, number: int) -> np.ndarray:
        shape = (self.rows, *array.shape[1:])
        if self.path is None:
            return np.empty(shape, array.dtype)
        self._files.append(self.path.with_name(f"{self.path.name}-{number}.npy"))
        return np.lib.format.open_memmap(self._files[-1], mode="w+", dtype=array.dtype, shape=shape)


class _Replay(keras.utils.PyDataset):
    """Batches by index, the same every time."""

    def __init__(self, batch: Callable[[int], tuple], steps: int):
        super().__init__()
        self._batch, self._steps = batch, steps

    @property
    def num_batches(self) -> int:
        return self._steps

    def __getitem__(self, index: int) -> tuple:
        return self._batch(index)


def _fields(batch: Any) -> tuple:
    if not isinstance(batch, tuple | list) or len(batch) < 2:
        raise UsageError(f"Received batches of {type(batch).__name__}. Expected (inputs, labels[, sample weights]).")
    return tuple(batch)


def _get(data: Any, index: int) -> Any:
    return data.batch(0, index) if hasattr(data, "batch") else data[index]


def _steps(data: Any) -> int:
    return getattr(data, "steps", None) or data.num_batches


def _storable(array: Any) -> np.ndarray:
    array = np.asarray(array)
    # .npy knows no bfloat16; float32 holds it exactly.
    return array.astype("float32") if array.dtype.kind == "V" or array.dtype.name == "bfloat16" else array
